//! The routes, and what there is to be tried on them: alice's things, and those of another tenant.

use std::collections::BTreeMap;

use countersign::prelude::*;
use countersign::{Called, Remember};
use serde_json::{Value, json};

use crate::house;
use crate::served::{House, Served, key_id};

/// What stands for the id in a path, and who it is that may not see it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Named {
    /// No id.
    Nothing,
    /// A name that all may know.
    Shared(&'static str),
    Call,
    External,
    Requirement,
    Run,
    Grant,
    Key,
    Entry,
    Token,
}

/// A route: what is needed to try it.
pub(crate) struct Route {
    pub(crate) operation: &'static str,
    pub(crate) named: Named,
    pub(crate) body: Option<fn() -> Value>,
    pub(crate) needs_credential: bool,
}

fn route(operation: &'static str, named: Named) -> Route {
    Route {
        operation,
        named,
        body: None,
        needs_credential: true,
    }
}

fn with(operation: &'static str, named: Named, body: fn() -> Value) -> Route {
    Route {
        body: Some(body),
        ..route(operation, named)
    }
}

fn open(operation: &'static str) -> Route {
    Route {
        needs_credential: false,
        ..route(operation, Named::Nothing)
    }
}

/// All of them. A route that is not here fails `every_route_is_tried`.
pub(crate) fn routes() -> Vec<Route> {
    vec![
        route("GET /v1/tools", Named::Nothing),
        with(
            "POST /v1/tools/{name}/calls",
            Named::Shared("count"),
            || json!({"arguments": {"what": "x"}}),
        ),
        route("GET /v1/calls", Named::Nothing),
        route("GET /v1/calls/{id}", Named::Call),
        route("GET /v1/calls/{id}/explain", Named::Call),
        with("POST /v1/calls/{id}/cancel", Named::Call, || json!({})),
        route("POST /v1/calls/{id}/token", Named::External),
        route("GET /v1/requirements", Named::Nothing),
        with(
            "POST /v1/requirements/{id}/decisions",
            Named::Requirement,
            || json!({"decision": "confirm"}),
        ),
        route("GET /v1/approvals", Named::Nothing),
        route("GET /v1/approvals.csv", Named::Nothing),
        route("GET /v1/approvals/count", Named::Nothing),
        route("GET /v1/agents", Named::Nothing),
        with(
            "POST /v1/agents/{name}/runs",
            Named::Shared("porter"),
            || json!({"input": "Hello"}),
        ),
        route("GET /v1/runs", Named::Nothing),
        route("GET /v1/runs/{id}", Named::Run),
        route("GET /v1/runs/{id}/events", Named::Run),
        with(
            "POST /v1/runs/{id}/continue",
            Named::Run,
            || json!({"decisions": []}),
        ),
        with("POST /v1/runs/{id}/cancel", Named::Run, || json!({})),
        route("GET /v1/grants", Named::Nothing),
        route("DELETE /v1/grants/{id}", Named::Grant),
        route("GET /v1/audit", Named::Nothing),
        route("GET /v1/audit/checkpoint", Named::Nothing),
        route("GET /v1/audit/proof/{seq}", Named::Entry),
        route("GET /v1/keys", Named::Nothing),
        with("POST /v1/keys", Named::Nothing, || json!({})),
        route("DELETE /v1/keys/{id}", Named::Key),
        route("GET /v1/outbox", Named::Nothing),
        route(
            "POST /v1/outbox/{id}/again",
            Named::Shared("msg_00000000000000000000000000000000"),
        ),
        route("GET /v1/actors", Named::Nothing),
        with(
            "PUT /v1/actors/{id}",
            Named::Shared("robot"),
            || json!({"kind": "agent", "owner": "mallory"}),
        ),
        route("DELETE /v1/actors/{id}", Named::Shared("robot")),
        Route {
            needs_credential: false,
            ..with(
                "POST /v1/external/{token}",
                Named::Token,
                || json!({"result": "sent"}),
            )
        },
        route("GET /v1/subjects", Named::Nothing),
        with(
            "POST /v1/subjects",
            Named::Nothing,
            || json!({"actor": "mallory", "subject": "u-1", "issuer": "https://id.example"}),
        ),
        route("DELETE /v1/subjects/{id}", Named::Shared("0")),
        route("GET /v1/slack/users", Named::Nothing),
        with(
            "POST /v1/slack/users",
            Named::Nothing,
            || json!({"user": "T0123/U0456", "actor": "bob"}),
        ),
        route("DELETE /v1/slack/users", Named::Nothing),
        route("GET /v1/events", Named::Nothing),
        open("GET /healthz"),
        open("GET /readyz"),
        open("GET /metrics"),
    ]
}

/// What alice has, and somebody of her name in another tenant.
pub(crate) struct Things {
    pub(crate) alices: BTreeMap<&'static str, String>,
    pub(crate) elsewhere: BTreeMap<&'static str, String>,
}

impl Things {
    pub(crate) fn make(house: &House, served: &Served) -> Self {
        let (call, requirement) = served.propose("alice", "restart", &json!({"service": "mail-of-alice"}));
        let (external, _) = served.propose("alice", "order", &json!({"part": "alices-part"}));
        let (_, granted) = served.propose("alice", "restart", &json!({"service": "alices-other"}));
        let remembered =
            json!({"decision": "confirm", "remember": {"calls": "exact", "scope": "run", "uses": 3}});
        assert_eq!(served.decide("alice", &granted, &remembered).0, 202);
        let grant = served.get("alice", "/v1/grants")["items"][0]["grant"].clone();
        let (status, run) = served.post(
            "alice",
            "/v1/agents/porter/runs",
            &json!({"input": "unlock alices-door"}),
        );
        assert_eq!(status, 202, "{run}");
        let entries = served.get("alice", &format!("/v1/audit?call={call}"));
        let text = |it: &Value| it.as_str().map_or_else(|| it.to_string(), str::to_owned);
        let alices = BTreeMap::from([
            ("call", call.clone()),
            ("external", external.clone()),
            ("requirement", requirement),
            ("run", text(&run["run"])),
            ("grant", text(&grant)),
            ("key", key_id("alice").to_owned()),
            ("entry", text(&entries["items"][0]["seq"])),
            ("token", format!("{external}.{}", "0".repeat(64))),
        ]);
        Self {
            alices,
            elsewhere: elsewhere(house),
        }
    }

    pub(crate) fn path(named: Named, of: &BTreeMap<&'static str, String>, path: &str) -> String {
        let id = match named {
            Named::Nothing => return path.to_owned(),
            Named::Shared(name) => name.to_owned(),
            other => of[name(other)].clone(),
        };
        let (before, after) = path.split_once('{').unwrap();
        format!("{before}{id}{}", after.split_once('}').unwrap().1)
    }
}

pub(crate) fn name(named: Named) -> &'static str {
    match named {
        Named::Nothing | Named::Shared(_) => "",
        Named::Call => "call",
        Named::External => "external",
        Named::Requirement => "requirement",
        Named::Run => "run",
        Named::Grant => "grant",
        Named::Key => "key",
        Named::Entry => "entry",
        Named::Token => "token",
    }
}

/// The same things of another tenant of the same store.
fn elsewhere(house: &House) -> BTreeMap<&'static str, String> {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let engine = house::engine(house.data(), "elsewhere").await;
        let alice = Identity::asserted("alice").unwrap();
        let waiting = |called: Called| match called {
            Called::Waiting(waiting) => waiting,
            Called::Done(outcome) => panic!("{outcome:?}"),
        };
        let call = waiting(
            engine
                .call("restart", json!({"service": "x"}))
                .by(&alice)
                .await
                .unwrap(),
        );
        let external = waiting(
            engine
                .call("order", json!({"part": "x"}))
                .by(&alice)
                .await
                .unwrap(),
        );
        let granted = waiting(
            engine
                .call("restart", json!({"service": "y"}))
                .by(&alice)
                .await
                .unwrap(),
        );
        let confirmed = Decision::confirm(&granted.active_requirements()[0])
            .by(&alice)
            .remember(Remember::exact());
        engine.desk().decide(confirmed).await.unwrap();
        let (grants, _) = engine.desk().grants(None, None, 10).await.unwrap();
        let token = engine
            .desk()
            .issue_token(external.call_id(), &Identity::asserted("relay").unwrap())
            .await
            .unwrap()
            .unwrap();
        let things = BTreeMap::from([
            ("call", call.call_id().to_string()),
            ("external", external.call_id().to_string()),
            ("requirement", call.active_requirements()[0].id.to_string()),
            ("run", call.run_id().to_string()),
            ("grant", grants[0].id().to_string()),
            ("key", "e".repeat(20)),
            ("token", format!("{}.{token}", external.call_id())),
        ]);
        engine.stop().await.unwrap();
        things
    })
}

/// Ids that name nothing, in the form of those that do.
pub(crate) fn nowhere(of: &BTreeMap<&'static str, String>) -> BTreeMap<&'static str, String> {
    let turned = |text: &str| {
        // Only the end is changed: the form stays, and so does the version of what has one.
        let (start, last) = text.split_at(text.len() - 1);
        format!("{start}{}", if last == "0" { "1" } else { "0" })
    };
    let mut of: BTreeMap<&'static str, String> = of.iter().map(|(name, id)| (*name, turned(id))).collect();
    of.insert("entry", "1000000".to_owned());
    of.insert("key", "f".repeat(20));
    of
}
