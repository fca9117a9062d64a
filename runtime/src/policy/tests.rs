use countersign_core::gate::Origin;

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
    let (gates, rules) = policy.tighten("restart_service", &Gates::default(), &Canonical::null(), 1);
    assert!(gates.confirmation.is_some());
    assert_eq!(gates.approvals.len(), 1);
    assert_eq!(
        gates.approvals[0].expires_in,
        Duration::from_hours(1),
        "the cap of the rule applies"
    );
    let (none, no_rules) = policy.tighten("search", &Gates::default(), &Canonical::null(), 1);
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
    for (pool, because) in [
        (r#"notify = [""]"#, "an empty destination"),
        (r#"notify = ["slack:#ops", "slack:#ops"]"#, "stands there twice"),
        (r#"notify = ["slack:\u0007"]"#, "no control characters"),
        (r#"escalate_after = "2h""#, "would tell nobody"),
        (r#"escalate_to = ["slack:#ops"]"#, "is never used"),
        (
            r#"escalate_after = "2h", escalate_to = [" "]"#,
            "an empty destination",
        ),
        (
            r#"escalate_after = "0s", escalate_to = ["x"]"#,
            "a time span of nothing",
        ),
        (r#"notfy = ["slack:#ops"]"#, "unknown field"),
    ] {
        refused(
            &format!("[pools.others]\n{}", pool.replace(", esc", "\nesc")),
            because,
        );
    }
    refused("[[rules]]\ntool = \"x\"\nexpires_in = \"soon\"", "no time span");
    refused("[[rules]]\ntool = \"x\"\nungate = true", "unknown field");
    refused(
        "[actors.eve]\nkind = \"agent\"\nroles = [\"manager\"]",
        "never hold roles",
    );
    refused(
        "[actors.eve]\nkind = \"service\"\nroles = [\"operator\"]",
        "only a person can have `operator`",
    );
    refused(
        "[actors.eve]\nkind = \"service\"\nroles = [\"manager\", \"reporter\"]",
        "only a person can have `manager`",
    );
    refused("[pools.robots]\nactors = [\"bot\"]", "`bot` is no person");
    for owner in ["bot", "nobody"] {
        refused(
            &format!("[actors.eve]\nkind = \"agent\"\nowner = \"{owner}\""),
            "is no person that is known",
        );
    }
    refused(
        "[actors.eve]\nkind = \"person\"\nowner = \"alice\"",
        "only agents have an owner",
    );
    let many: Vec<String> = (0..33).map(|it| format!("\"r{it}\"")).collect();
    refused(
        &format!("[actors.eve]\nkind = \"person\"\nroles = [{}]", many.join(",")),
        "more than 32 roles",
    );
    refused(
        "[actors.eve]\nkind = \"unknown\"",
        "`person`, `service` or `agent`",
    );
    refused("[pools.cfo]\nactors = [\"nobody\"]", "nobody knows");
}

const REFUNDS: &str = r#"
    [actors]
    bob = { kind = "person" }
    [pools]
    cfo = { actors = ["bob"] }
    [[rules]]
    name = "large"
    tool = "refund"
    when = ["/cents >= 1000000", '/country != "CH"']
    approvals = [{ pool = "cfo" }]
    [[rules]]
    name = "urgent"
    tool = "refund"
    when = "/urgent exists"
    expires_in = "1h"
    audit = true
"#;

fn because(arguments: &str) -> Vec<Origin> {
    let policy = Policy::parse(REFUNDS).unwrap();
    let arguments = Canonical::parse(arguments).unwrap();
    let (gates, _) = policy.tighten("refund", &Gates::default(), &arguments, 7);
    let because = gates.approvals.into_iter().flat_map(|it| it.because);
    because.collect()
}

#[test]
fn a_rule_applies_where_all_of_its_conditions_hold() {
    assert_eq!(because(r#"{"cents":999999,"country":"DE"}"#), []);
    assert_eq!(because(r#"{"cents":1000000,"country":"CH"}"#), []);
    let large = Origin::Rule {
        rule: "large".to_owned(),
        when: vec!["/cents >= 1000000".to_owned(), r#"/country != "CH""#.to_owned()],
        doubts: vec![],
        revision: 7,
    };
    assert_eq!(
        because(r#"{"cents":1000000,"country":"DE"}"#),
        std::slice::from_ref(&large)
    );
    let shorter = because(r#"{"cents":1000000,"country":"DE","urgent":true}"#);
    assert_eq!(shorter.len(), 2, "who shortened the time is named too");
    assert_eq!(shorter[0], large);
}

#[test]
fn what_cannot_be_tested_counts_as_holding_and_is_not_quoted() {
    let doubts = |arguments| match because(arguments).as_slice() {
        [Origin::Rule { doubts, .. }] => doubts.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        doubts("{}"),
        ["nothing is at `/cents`", "nothing is at `/country`"]
    );
    assert_eq!(
        doubts(r#"{"cents":"77","country":"DE"}"#),
        ["what is at `/cents` is a string, not a number"]
    );
    assert_eq!(doubts(r#"{"cents":null,"country":"DE"}"#).len(), 1);
    // One that does not hold settles it, whatever the other would be.
    assert_eq!(because(r#"{"country":"CH"}"#), []);
}

#[test]
fn the_digest_of_the_rules_is_of_those_that_applied() {
    let policy = Policy::parse(REFUNDS).unwrap();
    let rules = |arguments: &str| {
        let arguments = Canonical::parse(arguments).unwrap();
        policy.tighten("refund", &Gates::default(), &arguments, 7).1
    };
    let (small, large) = (
        r#"{"cents":1,"country":"DE"}"#,
        r#"{"cents":1000000,"country":"DE"}"#,
    );
    assert_ne!(rules(small), rules(large));
    assert_eq!(rules(small), rules(r#"{"cents":2,"country":"CH"}"#));
}

#[test]
fn a_rule_with_a_condition_puts_only_those_calls_on_record() {
    let policy = Policy::parse(REFUNDS).unwrap();
    let audits = |arguments| policy.audits("refund", &Canonical::parse(arguments).unwrap());
    assert!(policy.may_audit("refund") && policy.may_gate("refund"));
    assert!(audits(r#"{"urgent":1}"#) && !audits("{}") && !audits(r#"{"urgent":null}"#));
}
