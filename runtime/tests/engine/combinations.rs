//! Every combination of gates on one tool: nothing runs before all of them are met, then it runs once.

use countersign::core::requirement::RequirementKind;
use countersign::prelude::*;
use countersign::{Call, Outcome, Phase, Requirement, Source, Verdict};
use serde_json::{Value, json};

use crate::world::{Effects, World, who};

/// What is asked of the person who made the call.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fields {
    Nothing,
    Note,
    All,
}

/// Who does the work.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Place {
    Local,
    Handoff,
    Outside,
}

#[derive(Debug, Clone, Copy)]
struct Case {
    confirmed: bool,
    fields: Fields,
    approved: bool,
    audited: bool,
    place: Place,
}

// Three places of execution for each set of the other gates.
macro_rules! sets {
    ($($test:ident: $local:ident $handoff:ident $outside:ident [$($option:tt)*] [$($approval:tt)*]
       $confirmed:literal $fields:ident $approved:literal $audited:literal;)*) => {$(
        sets!(@body [$($option)*] [$($approval)*] $local);
        sets!(@body [$($option)* external_execution(result = String)] [$($approval)*] $handoff);
        /// One combination.
        #[tool($($option)* external_execution)]
        $($approval)*
        fn $outside(n: u32, note: String) -> String;

        #[tokio::test]
        async fn $test() {
            let world = World::new::<($local, $handoff, $outside)>().await;
            let (confirmed, fields, approved, audited) = ($confirmed, Fields::$fields, $approved, $audited);
            for (name, place) in [
                (stringify!($local), Place::Local),
                (stringify!($handoff), Place::Handoff),
                (stringify!($outside), Place::Outside),
            ] {
                check(&world, name, Case { confirmed, fields, approved, audited, place }).await;
            }
        }
    )*};
    (@body [$($option:tt)*] [$($approval:tt)*] $name:ident) => {
        /// One combination.
        #[tool($($option)*)]
        $($approval)*
        fn $name(#[state] effects: Effects, n: u32, note: String) -> String {
            effects.push(format!("{} {n} {note}", stringify!($name)));
            format!("ran {n} {note}")
        }
    };
}

sets! {
    free: free_local free_handoff free_outside [] [] false Nothing false false;
    audited: audited_local audited_handoff audited_outside [] [#[approval(audit)]] false Nothing false true;
    approved: approved_local approved_handoff approved_outside [] [#[approval(required, pool = "managers")]] false Nothing true false;
    approved_audited: approved_audited_local approved_audited_handoff approved_audited_outside [] [#[approval(required, pool = "managers")] #[approval(audit)]] false Nothing true true;
    filled: filled_local filled_handoff filled_outside [requires_user_input(note),] [] false Note false false;
    filled_audited: filled_audited_local filled_audited_handoff filled_audited_outside [requires_user_input(note),] [#[approval(audit)]] false Note false true;
    filled_approved: filled_approved_local filled_approved_handoff filled_approved_outside [requires_user_input(note),] [#[approval(required, pool = "managers")]] false Note true false;
    filled_approved_audited: filled_approved_audited_local filled_approved_audited_handoff filled_approved_audited_outside [requires_user_input(note),] [#[approval(required, pool = "managers")] #[approval(audit)]] false Note true true;
    asked: asked_local asked_handoff asked_outside [requires_user_input,] [] false All false false;
    asked_audited: asked_audited_local asked_audited_handoff asked_audited_outside [requires_user_input,] [#[approval(audit)]] false All false true;
    asked_approved: asked_approved_local asked_approved_handoff asked_approved_outside [requires_user_input,] [#[approval(required, pool = "managers")]] false All true false;
    asked_approved_audited: asked_approved_audited_local asked_approved_audited_handoff asked_approved_audited_outside [requires_user_input,] [#[approval(required, pool = "managers")] #[approval(audit)]] false All true true;
    confirmed: confirmed_local confirmed_handoff confirmed_outside [requires_confirmation,] [] true Nothing false false;
    confirmed_audited: confirmed_audited_local confirmed_audited_handoff confirmed_audited_outside [requires_confirmation,] [#[approval(audit)]] true Nothing false true;
    confirmed_approved: confirmed_approved_local confirmed_approved_handoff confirmed_approved_outside [requires_confirmation,] [#[approval(required, pool = "managers")]] true Nothing true false;
    confirmed_approved_audited: confirmed_approved_audited_local confirmed_approved_audited_handoff confirmed_approved_audited_outside [requires_confirmation,] [#[approval(required, pool = "managers")] #[approval(audit)]] true Nothing true true;
    confirmed_filled: confirmed_filled_local confirmed_filled_handoff confirmed_filled_outside [requires_confirmation, requires_user_input(note),] [] true Note false false;
    confirmed_filled_audited: confirmed_filled_audited_local confirmed_filled_audited_handoff confirmed_filled_audited_outside [requires_confirmation, requires_user_input(note),] [#[approval(audit)]] true Note false true;
    confirmed_filled_approved: confirmed_filled_approved_local confirmed_filled_approved_handoff confirmed_filled_approved_outside [requires_confirmation, requires_user_input(note),] [#[approval(required, pool = "managers")]] true Note true false;
    confirmed_filled_approved_audited: confirmed_filled_approved_audited_local confirmed_filled_approved_audited_handoff confirmed_filled_approved_audited_outside [requires_confirmation, requires_user_input(note),] [#[approval(required, pool = "managers")] #[approval(audit)]] true Note true true;
    confirmed_asked: confirmed_asked_local confirmed_asked_handoff confirmed_asked_outside [requires_confirmation, requires_user_input,] [] true All false false;
    confirmed_asked_audited: confirmed_asked_audited_local confirmed_asked_audited_handoff confirmed_asked_audited_outside [requires_confirmation, requires_user_input,] [#[approval(audit)]] true All false true;
    confirmed_asked_approved: confirmed_asked_approved_local confirmed_asked_approved_handoff confirmed_asked_approved_outside [requires_confirmation, requires_user_input,] [#[approval(required, pool = "managers")]] true All true false;
    confirmed_asked_approved_audited: confirmed_asked_approved_audited_local confirmed_asked_approved_audited_handoff confirmed_asked_approved_audited_outside [requires_confirmation, requires_user_input,] [#[approval(required, pool = "managers")] #[approval(audit)]] true All true true;
}

/// One call of one tool, and what must be on record of it.
struct Story<'a> {
    world: &'a World,
    name: &'a str,
    call: Call,
    case: Case,
    records: Vec<String>,
    decided: Vec<(Requirement, &'static str, Verdict)>,
}

async fn check(world: &World, name: &str, case: Case) {
    let before = world.records().await.len();
    let effects = world.effects.all().len();
    let given = match case.fields {
        Fields::Note => json!({"n": 7}),
        Fields::Nothing | Fields::All => json!({"n": 7, "note": "model"}),
    };
    let alice = who("alice");
    let gated =
        case.confirmed || case.approved || case.fields != Fields::Nothing || case.place != Place::Local;
    let called = world.engine.call(name, given).by(&alice).await.unwrap();
    let call = match called {
        Called::Done(outcome) => {
            assert!(!gated, "{name} ran at once: {outcome:?}");
            assert_eq!(returned(&outcome), ("\"ran 7 model\"", Source::Tool), "{name}");
            assert_eq!(world.effects.all()[effects..], [format!("{name} 7 model")]);
            let records = if case.audited {
                vec!["audited.started", "audited.returned"]
            } else {
                vec![]
            };
            assert_eq!(world.records().await[before..], records, "{name}");
            return;
        }
        Called::Waiting(waiting) => waiting.call().clone(),
    };
    assert!(gated, "{name} waits for nothing");
    let mut story = Story {
        world,
        name,
        call,
        case,
        records: vec!["call.opened".to_owned()],
        decided: Vec::new(),
    };
    story.fill().await;
    story.confirm().await;
    story.approve().await;
    assert_eq!(world.effects.all().len(), effects, "{name}: nothing has run");
    let result = story.execute(effects).await;
    story.report().await;
    let outcome = match (case.place, story.call.phase()) {
        (_, Phase::Closed { outcome }) => returned(outcome),
        (_, phase) => panic!("{name} ends in {phase:?}"),
    };
    let expected = match case.place {
        Place::Local => (result.as_str(), Source::Tool),
        Place::Handoff | Place::Outside => ("\"reported\"", Source::Reported),
    };
    assert_eq!(outcome, expected, "{name}");
    story.repeat().await;
    let effects_after = effects + usize::from(case.place != Place::Outside);
    assert_eq!(
        world.effects.all().len(),
        effects_after,
        "{name}: exactly one effect, if there is anything to run"
    );
    assert_eq!(world.records().await[before..], story.records, "{name}");
}

fn returned(outcome: &Outcome) -> (&str, Source) {
    match outcome {
        Outcome::Returned { result, source } => (result, *source),
        other => panic!("{other:?}"),
    }
}

const STRANGERS: [&str; 8] = [
    "mallory", "bob", "carol", "olivia", "relay", "bot", "nobody", "alice",
];

impl Story<'_> {
    fn asked(&self, kind: RequirementKind) -> Requirement {
        let mut asked = self.call.requirements();
        assert_eq!(asked.len(), 1, "{}: {asked:?}", self.name);
        let asked = asked.remove(0);
        assert_eq!(asked.kind, kind, "{}", self.name);
        asked
    }

    /// Nobody but those in `may` can decide this; nothing changes and nothing runs when they try.
    async fn refused(&mut self, on: &Requirement, by: &str, verdict: Verdict, code: &str) {
        let effects = self.world.effects.all();
        let decision = Decision::new(on, verdict.clone()).by(&who(by)).reason("because");
        let decided = self.world.engine.desk().decide(decision).await.unwrap();
        let context = format!("{}: {by} {verdict:?}", self.name);
        assert_eq!(crate::world::code(&decided.answer), code, "{context}");
        assert_eq!(decided.call.unwrap(), self.call, "{context}");
        self.records.push("call.refused".to_owned());
        let advanced = self.world.engine.worker().advance(*self.call.id()).await.unwrap();
        assert_eq!(advanced.call, self.call, "{context}");
        assert_eq!(self.world.effects.all(), effects, "{context}");
    }

    async fn strangers(&mut self, on: &Requirement, may: &str, verdict: &Verdict) {
        for by in STRANGERS.into_iter().filter(|it| *it != may) {
            let own = by == "alice" && on.kind == RequirementKind::Approval;
            let code = if own { "self_approval" } else { "not_allowed" };
            self.refused(on, by, verdict.clone(), code).await;
        }
    }

    async fn accepted(&mut self, on: &Requirement, by: &'static str, verdict: Verdict, records: &[&str]) {
        let decision = Decision::new(on, verdict.clone()).by(&who(by)).reason("because");
        let decided = self.world.engine.desk().decide(decision).await.unwrap();
        assert_eq!(
            crate::world::code(&decided.answer),
            "accepted",
            "{}: {verdict:?}",
            self.name
        );
        self.call = decided.call.unwrap();
        self.records.extend(records.iter().map(|it| (*it).to_owned()));
        self.decided.push((on.clone(), by, verdict));
    }

    async fn fill(&mut self) {
        let all = match self.case.fields {
            Fields::Nothing => return,
            Fields::Note => false,
            Fields::All => true,
        };
        let on = self.asked(RequirementKind::UserInput);
        let right = if all {
            json!({"n": 8, "note": "person"})
        } else {
            json!({"note": "person"})
        };
        self.strangers(&on, "alice", &Verdict::Fill(right.clone())).await;
        let mut wrong: Vec<Value> = vec![
            json!({}),
            json!({"note": 5}),
            json!({"note": null}),
            json!([]),
            json!("x"),
        ];
        wrong.push(json!({"note": "person", "n": 8, "more": 1}));
        // A field that was not asked cannot be changed with those that were.
        wrong.push(if all {
            json!({"note": "person", "n": -1})
        } else {
            json!({"note": "person", "n": 8})
        });
        for values in wrong {
            self.refused(&on, "alice", Verdict::Fill(values), "invalid_input")
                .await;
        }
        for verdict in [
            Verdict::Confirm,
            Verdict::Approve,
            Verdict::Report(Ok(json!("x"))),
            Verdict::Abandon,
        ] {
            self.refused(&on, "alice", verdict, "invalid_input").await;
        }
        self.accepted(&on, "alice", Verdict::Fill(right), &["call.filled", "call.gated"])
            .await;
    }

    async fn confirm(&mut self) {
        if !self.case.confirmed {
            return;
        }
        let first = self.asked(RequirementKind::Confirmation);
        self.strangers(&first, "alice", &Verdict::Confirm).await;
        self.strangers(&first, "alice", &Verdict::Reject).await;
        let amended = json!({"n": 9, "note": "amended"});
        self.strangers(&first, "alice", &Verdict::Amend(amended.clone()))
            .await;
        for arguments in [
            json!({}),
            json!({"n": "9", "note": "x"}),
            json!({"n": 9}),
            json!({"n": 9, "note": "x", "y": 1}),
            json!([9]),
        ] {
            self.refused(&first, "alice", Verdict::Amend(arguments), "invalid_input")
                .await;
        }
        self.refused(&first, "alice", Verdict::Approve, "invalid_input")
            .await;
        self.refused(
            &first,
            "alice",
            Verdict::Fill(json!({"note": "again"})),
            "invalid_input",
        )
        .await;
        self.accepted(
            &first,
            "alice",
            Verdict::Amend(amended),
            &["call.amended", "call.gated"],
        )
        .await;
        let second = self.asked(RequirementKind::Confirmation);
        assert_ne!(first.id, second.id);
        self.refused(&first, "alice", Verdict::Confirm, "stale_seal")
            .await;
        self.accepted(&second, "alice", Verdict::Confirm, &["call.confirmed"])
            .await;
    }

    async fn approve(&mut self) {
        if !self.case.approved {
            return;
        }
        let on = self.asked(RequirementKind::Approval);
        assert_eq!(on.pool.as_ref().unwrap().as_str(), "managers");
        self.strangers(&on, "bob", &Verdict::Approve).await;
        self.strangers(&on, "bob", &Verdict::Reject).await;
        self.refused(&on, "bob", Verdict::Confirm, "invalid_input").await;
        self.refused(
            &on,
            "bob",
            Verdict::Amend(json!({"n": 1, "note": "mine"})),
            "invalid_input",
        )
        .await;
        self.accepted(&on, "bob", Verdict::Approve, &["call.approved"])
            .await;
    }

    /// Runs what there is to run; gives the result that the function must have made.
    async fn execute(&mut self, before: usize) -> String {
        let (n, note) = match (self.case.confirmed, self.case.fields) {
            (true, _) => (9, "amended"),
            (false, Fields::Nothing) => (7, "model"),
            (false, Fields::Note) => (7, "person"),
            (false, Fields::All) => (8, "person"),
        };
        if self.case.place == Place::Outside {
            assert_eq!(self.call.phase().name(), "external");
            return String::new();
        }
        assert_eq!(self.call.phase().name(), "cleared", "{}", self.name);
        self.call = self
            .world
            .engine
            .worker()
            .advance(*self.call.id())
            .await
            .unwrap()
            .call;
        self.records
            .extend(["call.claimed", "call.returned"].map(str::to_owned));
        assert_eq!(
            self.world.effects.all()[before..],
            [format!("{} {n} {note}", self.name)]
        );
        format!("\"ran {n} {note}\"")
    }

    async fn report(&mut self) {
        if self.case.place == Place::Local {
            return;
        }
        let on = self.asked(RequirementKind::External);
        let report = Verdict::Report(Ok(json!("reported")));
        self.strangers(&on, "relay", &report).await;
        for wrong in [json!(5), json!(null), json!(["reported"])] {
            self.refused(&on, "relay", Verdict::Report(Ok(wrong)), "invalid_input")
                .await;
        }
        let guessed = Verdict::ReportWithToken(Ok(json!("reported")), "rt_guessed".to_owned());
        self.refused(&on, "relay", guessed, "not_allowed").await;
        self.accepted(&on, "relay", report, &["call.reported"]).await;
    }

    /// Whatever counted gets the same answer again, and leaves nothing on record.
    async fn repeat(&mut self) {
        for (on, by, verdict) in std::mem::take(&mut self.decided) {
            let decision = Decision::new(&on, verdict.clone()).by(&who(by)).reason("because");
            let decided = self.world.engine.desk().decide(decision).await.unwrap();
            assert_eq!(
                crate::world::code(&decided.answer),
                "repeated",
                "{}: {verdict:?}",
                self.name
            );
            assert_eq!(decided.call.unwrap(), self.call);
        }
        self.world.engine.worker().advance(*self.call.id()).await.unwrap();
    }
}
