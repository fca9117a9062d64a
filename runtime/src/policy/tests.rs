use super::*;

const POLICY: &str = r#"
    [actors]
    alice = { kind = "person" }
    bob = { kind = "person", roles = ["manager"] }
    bot = { kind = "agent", owner = "alice" }

    [pools]
    managers = { roles = ["manager"] }

    [[rules]]
    tool = "restart_*"
    requires_confirmation = true
    approvals = [{ pool = "managers", expires_in = "4h" }]
    expires_in = "1h"
"#;

#[test]
fn rules_tighten_by_tool_name() {
    let policy = Policy::parse(POLICY).unwrap();
    let (gates, rules) = policy.tighten("restart_service", &Gates::default());
    assert!(gates.confirmation.is_some());
    assert_eq!(gates.approvals.len(), 1);
    assert_eq!(
        gates.approvals[0].expires_in,
        Duration::from_hours(1),
        "the cap of the rule applies"
    );
    let (none, no_rules) = policy.tighten("search", &Gates::default());
    assert!(!none.any());
    assert_ne!(rules, no_rules);
}

#[track_caller]
fn refused(change: &str, because: &str) {
    let error = Policy::parse(&format!("{POLICY}\n{change}"))
        .unwrap_err()
        .to_string();
    assert!(error.contains(because), "{error}");
}

#[test]
fn what_is_looser_or_contradictory_is_refused() {
    refused(
        "[[rules]]\ntool = \"x\"\nrequires_confirmation = false",
        "only tightens",
    );
    refused("[[rules]]\ntool = \"x\"\naudit = false", "only tightens");
    refused("[[rules]]\ntool = \"x\"", "demands nothing");
    refused(
        "[[rules]]\ntool = \"x\"\napprovals = [{ pool = \"cfo\" }]",
        "no pool `cfo`",
    );
    refused(
        "[[rules]]\ntool = \"x\"\napprovals = [{ pool = \"managers\", quorum = 0 }]",
        "quorum of 0",
    );
    refused("[[rules]]\ntool = \"x\"\nexpires_in = \"soon\"", "no time span");
    refused("[[rules]]\ntool = \"x\"\nungate = true", "unknown field");
    refused(
        "[actors.eve]\nkind = \"agent\"\nroles = [\"manager\"]",
        "never hold roles",
    );
    refused(
        "[actors.eve]\nkind = \"service\"\nroles = [\"operator\"]",
        "only a person",
    );
    refused(
        "[actors.eve]\nkind = \"unknown\"",
        "`person`, `service` or `agent`",
    );
    refused("[pools.cfo]\nactors = [\"nobody\"]", "nobody knows");
}
