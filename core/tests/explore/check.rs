//! What must hold of every step: who did what to which seal, what it left on record, what it shows.

use countersign_core::actor::{Actor, Kind};
use countersign_core::audit::{Draft, MOST_ENTRY_BYTES};
use countersign_core::call::{Answer, Call, Code, Event, Outcome, Phase, Reporter, Shadow, Step};
use countersign_core::canonical::Canonical;
use countersign_core::grant::{Offer, Wish};
use countersign_core::id::{RequirementId, TenantId};
use countersign_core::requirement::RequirementKind;
use countersign_core::time::Timestamp;
use serde_json::Value;

use crate::ghost::{Asked, Ghost, Stage, Verdict};
use crate::walk::kind;
use crate::world::{SECRET, demands, is_own};

/// An event that was tried in a state.
pub(crate) struct Tried<'a> {
    pub before: &'a Call,
    pub ghost: &'a Ghost,
    pub event: &'a Event,
    pub now: Timestamp,
}

pub(crate) fn opened(step: &Step, ghost: &Ghost, shadow: &mut Shadow) {
    assert_eq!(step.answer, Answer::Accepted);
    let draft = step.record.as_ref().unwrap();
    assert_eq!(said(draft, "kind"), "call.opened");
    assert_eq!(said(draft, "actor")["id"], "alice");
    entry(draft, ghost, ghost.updated, shadow);
    assert_eq!(*shadow, step.call.shadow());
    agrees(&step.call, ghost);
}

/// A grant is made by a wish that counts and used by a call that it lets through, and never else.
pub(crate) fn grants(wish: Option<&Wish>, offer: Option<&Offer>, next: &Ghost, step: &Step) {
    let record = step.record.as_ref();
    let named = |name: &str| record.and_then(|it| it.fields.get(name));
    let granted = next.granted.filter(|_| offer.is_some());
    match (wish, offer, granted, &step.change) {
        (Some(wish), None, None, Some(change)) => {
            let grant = &change.grant;
            assert_eq!((grant.id(), grant.which()), (wish.id, wish.remember.which));
            assert_eq!(grant.owner().as_str(), "alice");
            assert_eq!(
                (grant.tool(), grant.descriptor()),
                (step.call.tool(), step.call.descriptor())
            );
            assert_eq!((grant.call(), grant.version()), (*step.call.id(), 0));
            assert_eq!(grant.left(), wish.remember.uses.unwrap_or(1000));
            assert_eq!(said(&change.record, "kind"), "grant.made");
            assert_eq!(named("remembered"), Some(grant.id().to_string().into()));
        }
        (None, Some(offer), Some(_), Some(change)) => {
            let grant = &change.grant;
            assert_eq!(grant.left() + 1, offer.grant.left());
            assert_eq!(*step.call.granted(), Some(grant.id()));
            assert_eq!(said(&change.record, "kind"), "grant.used");
            assert_eq!(said(&change.record, "used_by"), step.call.id().to_string());
            assert_eq!(change.record.call, Some(grant.call()));
            assert_eq!(named("passed_by"), Some(grant.id().to_string().into()));
        }
        (None, _, None, None) => assert_eq!((named("remembered"), named("passed_by")), (None, None)),
        _ => panic!("{wish:?}\n{offer:?}\n{granted:?}\n{:?}", step.change),
    }
    assert_eq!(step.call.granted().is_some(), next.granted.is_some());
}

impl Tried<'_> {
    /// The state that follows, if the event counts.
    pub(crate) fn check(
        &self,
        step: &Step,
        shadow: &Shadow,
        count: &mut [u64; 3],
    ) -> Option<(Ghost, Shadow)> {
        match (self.ghost.judge(self.event, self.now), &step.answer) {
            (Verdict::Accepted(next), Answer::Accepted) => {
                count[0] += 1;
                let mut shadow = shadow.clone();
                self.accepted(&next, step, &mut shadow);
                Some((*next, shadow))
            }
            (Verdict::Repeated, Answer::Repeated) => {
                count[1] += 1;
                assert_eq!(step.call, *self.before, "a repeat changes something: {self}");
                assert_eq!(step.record, None, "a repeat is on record: {self}");
                assert_eq!(step.change, None, "a repeat changes a grant: {self}");
                None
            }
            (Verdict::Refused(code), Answer::Refused(refusal)) => {
                count[2] += 1;
                if let Some(code) = code {
                    assert_eq!(refusal.code, code, "refused for another reason: {self}");
                }
                self.refused(step, shadow);
                None
            }
            (verdict, answer) => {
                let must = match verdict {
                    Verdict::Accepted(next) => format!("counts and leads to {:?}", next.stage),
                    Verdict::Repeated => "is a repeat".to_owned(),
                    Verdict::Refused(code) => format!("is refused: {code:?}"),
                };
                panic!("this {must}, the machine says {answer:?}: {self}");
            }
        }
    }

    fn refused(&self, step: &Step, shadow: &Shadow) {
        assert_eq!(step.change, None, "a refusal changes a grant: {self}");
        assert_eq!(step.call, *self.before, "a refusal changes something: {self}");
        let Some(draft) = &step.record else {
            panic!("a refusal is not on record: {self}")
        };
        assert_eq!(said(draft, "kind"), "call.refused", "{self}");
        assert_eq!(said(draft, "event"), kind(self.event), "{self}");
        self.names_who_and_what(draft);
        // Writing and reading an entry takes most of the time; of what is refused, a part is enough.
        if self.event_number().is_multiple_of(16) {
            let mut folded = shadow.clone();
            entry(draft, self.ghost, self.now, &mut folded);
            assert_eq!(folded, step.call.shadow(), "a refusal changes the fold: {self}");
        }
    }

    fn event_number(&self) -> usize {
        self.who().map_or(0, |it| it.id.as_str().len() + it.roles.len())
            + kind(self.event).len()
            + usize::try_from(self.now.millis() % 5).unwrap_or(0)
    }

    fn accepted(&self, next: &Ghost, step: &Step, shadow: &mut Shadow) {
        agrees_after(self, &step.call, next);
        assert_eq!(*step.call.updated(), self.now.max(self.ghost.updated), "{self}");
        let unrecorded = matches!(self.event, Event::Renewed { .. });
        assert_eq!(step.record.is_none(), unrecorded, "one record each: {self}");
        if let Some(draft) = &step.record {
            let voided = matches!(self.event, Event::Claimed { .. }) && next.stage == Stage::Approve;
            let expected = if voided { "votes_voided" } else { kind(self.event) };
            assert_eq!(said(draft, "kind"), format!("call.{expected}"), "{self}");
            self.names_who_and_what(draft);
            if !voided {
                assert_eq!(said(draft, "phase"), step.call.phase().name(), "{self}");
            }
            assert_eq!(said(draft, "seal"), step.call.seal().to_string(), "{self}");
            entry(draft, self.ghost, self.now, shadow);
        }
        assert_eq!(
            *shadow,
            step.call.shadow(),
            "the records say something else: {self}"
        );
        let (terms, state) = (step.call.terms_text(), step.call.state_text());
        assert_eq!(
            Call::from_text(&terms, &state).as_ref(),
            Ok(&step.call),
            "not read as written: {self}"
        );
        assert_eq!(
            step.call.seal() == self.before.seal(),
            next.seal == self.ghost.seal,
            "{self}"
        );
        assert!(
            next.seal == self.ghost.seal || !self.before.past_seals().contains(step.call.seal()),
            "{self}"
        );
        // Marks that stay too long are seen here, also where nobody is asked.
        for (name, given) in [("warned", &next.warned), ("escalated", &next.escalated)] {
            assert_eq!(
                state.contains(&format!("\"{name}\":[")),
                !given.is_empty(),
                "{name}: {self}"
            );
        }
        if next.stage == Stage::Closed {
            assert!(
                !next.combo.secret || !terms.contains(SECRET) && !state.contains(SECRET),
                "a closed call holds a secret: {self}"
            );
        }
        if next.stage == Stage::Executing && self.ghost.stage != Stage::Executing {
            self.may_run(&step.call, next);
        }
        self.stays_lost(next);
        let (wish, offer) = match self.event {
            Event::Confirmed { remember, .. } => (remember.as_ref(), None),
            Event::Gated(judgement) => (None, judgement.offer.as_ref()),
            _ => (None, None),
        };
        grants(wish, offer, next, step);
    }

    /// Everything that must have been decided, by whom and about what, before a function starts.
    fn may_run(&self, call: &Call, ghost: &Ghost) {
        assert!(
            matches!(self.before.phase(), Phase::Cleared { deadline } if self.now < *deadline),
            "{self}"
        );
        assert!(call.is_as_sealed(), "{self}");
        self.runs_nothing_edited();
        let Event::Claimed { voters, .. } = self.event else {
            panic!("runs without a claim: {self}")
        };
        if let Some(gate) = &call.gates().user_input {
            assert!(
                gate.fields.iter().all(|it| ghost.filled.contains(it)),
                "a field was never asked: {self}"
            );
        }
        if call.gates().confirmation.is_some() && ghost.granted.is_none() {
            let confirmed = ghost.confirmed.clone();
            let (who, what) = confirmed.unwrap_or_else(|| panic!("nobody confirmed: {self}"));
            assert_eq!(who.as_str(), "alice", "{self}");
            assert_eq!(what, *call.arguments(), "something else was confirmed: {self}");
        }
        for (place, gate) in call.gates().approvals.iter().enumerate() {
            let said_yes: Vec<_> = call.votes().iter().filter(|it| it.gate == place).collect();
            assert_eq!(said_yes.len(), usize::from(gate.quorum), "{self}");
            for vote in said_yes {
                assert!(!is_own(&vote.by), "{} stands behind it: {self}", vote.by);
                let count = call.votes().iter().filter(|it| it.by == vote.by).count();
                assert_eq!(count, 1, "{} counts twice: {self}", vote.by);
                let stands =
                    |it: &Actor| it.id == vote.by && it.kind == Kind::Person && it.pools.contains(&gate.pool);
                assert!(voters.iter().any(stands), "{} may no longer: {self}", vote.by);
            }
        }
        let most = if self.ghost.combo.idempotent { 3 } else { 1 };
        assert!(
            ghost.unasked <= most,
            "{} runs and nobody asked for them: {self}",
            ghost.unasked
        );
    }

    /// Whoever edits the stored arguments, gates or tool gets nothing to run.
    fn runs_nothing_edited(&self) {
        let (terms, state) = (self.before.terms_text(), self.before.state_text());
        for (from, to) in [
            (r#"\"amount\":"#, r#"\"amount\":9"#),
            (r#""expires_in_ms":"#, r#""expires_in_ms":9"#),
            (r#""quorum":2"#, r#""quorum":1"#),
            (r#""round":"#, r#""round":9"#),
            (r#""owner":"owen""#, r#""owner":"oscar""#),
            (r#""session":"s1""#, r#""session":"s2""#),
            (r#""as_proposed":true"#, r#""as_proposed":false"#),
        ] {
            let edited = terms.replace(from, to);
            if edited == *terms {
                continue;
            }
            let edited = Call::from_text(&edited, &state).unwrap();
            let step = edited.clone().step(self.event.clone(), self.now);
            assert!(
                matches!(&step.answer, Answer::Refused(it) if it.code == Code::Damaged),
                "{from} was edited and it runs: {self}"
            );
            assert_eq!(step.call, edited);
        }
    }

    /// What may have run is never cleared again without a person, unless it may be repeated.
    fn stays_lost(&self, next: &Ghost) {
        let lost = matches!(self.event, Event::TimedOut { .. } | Event::LeaseLapsed);
        if lost && !self.ghost.combo.idempotent {
            assert!(matches!(next.stage, Stage::InDoubt | Stage::Closed), "{self}");
        }
    }

    fn who(&self) -> Option<&Actor> {
        match self.event {
            Event::Filled { by, .. }
            | Event::Confirmed { by, .. }
            | Event::Amended { by, .. }
            | Event::Answered { by, .. }
            | Event::Approved { by, .. }
            | Event::Rejected { by, .. }
            | Event::Resolved { by, .. }
            | Event::Reasked { by, .. }
            | Event::Cancelled { by, .. }
            | Event::TokenIssued { by, .. }
            | Event::Reported {
                by: Reporter::Actor(by),
                ..
            } => Some(by),
            _ => None,
        }
    }

    fn on(&self) -> Option<RequirementId> {
        match self.event {
            Event::Filled { on, .. }
            | Event::Confirmed { on, .. }
            | Event::Amended { on, .. }
            | Event::Answered { on, .. }
            | Event::Approved { on, .. }
            | Event::Rejected { on, .. }
            | Event::Resolved { on, .. }
            | Event::Reasked { on, .. }
            | Event::Reported { on, .. } => Some(*on),
            _ => None,
        }
    }

    fn names_who_and_what(&self, draft: &Draft) {
        if let Some(by) = self.who() {
            assert_eq!(said(draft, "actor")["id"], by.id.as_str(), "{self}");
            assert_eq!(said(draft, "actor")["auth"], by.auth, "{self}");
        }
        if let Some(on) = self.on() {
            assert_eq!(said(draft, "requirement"), on.to_string(), "{self}");
        }
        let reminds = matches!(self.event, Event::Warned | Event::Escalated);
        let counts = said(draft, "kind") != "call.refused";
        assert_eq!(draft.fields.get("asked").is_some(), reminds && counts, "{self}");
        assert_eq!(draft.call, Some(*self.before.id()), "{self}");
        assert_eq!(said(draft, "requester"), "alice", "{self}");
    }
}

impl std::fmt::Display for Tried<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let on = self.on().and_then(|it| self.ghost.issued.get(&it));
        let who = self.who().map(|it| (&it.id, it.kind));
        write!(
            f,
            "{:?}\nby {who:?} on {on:?}\nin {:?} at {} (deadline {:?})\nof {:?}",
            self.event, self.ghost.stage, self.now, self.ghost.deadline, self.ghost.combo
        )
    }
}

/// Writes the entry, folds it, and sees that it fits and betrays nothing.
/// What a record says under this name.
fn said(draft: &Draft, name: &str) -> Value {
    draft.fields.get(name).unwrap_or_default()
}

fn entry(draft: &Draft, ghost: &Ghost, now: Timestamp, shadow: &mut Shadow) {
    let entry = draft.entry(&TenantId::default(), 7, now).unwrap();
    assert!(entry.text.len() <= MOST_ENTRY_BYTES);
    // Of some millions, whichever some ten thousand.
    if entry.leaf.bytes()[0] == 0 {
        let canonical = Canonical::parse(&entry.text).unwrap();
        assert_eq!(canonical.as_str(), entry.text, "a record is canonical JSON");
    }
    no_secret(draft, ghost);
    shadow.fold(&entry.text).unwrap();
}

fn no_secret(draft: &Draft, ghost: &Ghost) {
    if !ghost.combo.secret {
        return;
    }
    let fields = draft.fields.to_string();
    assert!(!fields.contains(SECRET), "a secret in a record: {fields}");
    for blob in &draft.blobs {
        assert!(
            !blob.content.contains(SECRET),
            "a secret in a blob: {}",
            blob.content
        );
    }
}

fn agrees_after(tried: &Tried<'_>, call: &Call, ghost: &Ghost) {
    let result = std::panic::catch_unwind(|| agrees(call, ghost));
    assert!(result.is_ok(), "where it leads, see above: {tried}");
}

/// The machine and the ghost stand at the same place.
fn agrees(call: &Call, ghost: &Ghost) {
    assert_eq!(call.phase().name(), ghost.stage.name());
    assert_eq!(demands(call.gates()), demands(&ghost.gates));
    assert_eq!(*call.descriptor(), ghost.descriptor);
    assert_eq!(*call.claims(), ghost.claims);
    assert_eq!(call.deadline(), ghost.deadline);
    let votes: Vec<_> = call
        .votes()
        .iter()
        .map(|it| (&it.by, &call.gates().approvals[it.gate].pool))
        .collect();
    assert_eq!(votes.len(), ghost.votes.len());
    assert!(
        votes.iter().all(|(by, pool)| ghost.votes.get(*by) == Some(*pool)),
        "{votes:?}"
    );
    match call.phase() {
        Phase::Closed { outcome } => assert_eq!(outcome.name(), ghost.outcome),
        Phase::Executing {
            claim,
            until,
            deadline,
            report,
        } => {
            assert_eq!((Some(*claim), *until), (ghost.claim, ghost.until));
            assert_eq!(*deadline, ghost.holds);
            assert_eq!(report.as_ref().map(Outcome::name), ghost.early);
        }
        Phase::InDoubt { claim, .. } => assert_eq!(*claim, ghost.claim),
        Phase::Input { .. }
        | Phase::Gating { .. }
        | Phase::Confirm { .. }
        | Phase::Approve { .. }
        | Phase::Cleared { .. }
        | Phase::External { .. } => {}
    }
    if ghost.stage != Stage::Closed {
        assert_eq!(*call.arguments(), ghost.arguments);
        assert!(call.is_as_sealed());
    }
    let [(warns, _), (escalates, _)] = ghost.reminders();
    assert_eq!((call.warns_at(), call.escalates_at()), (warns, escalates));
    waits_for_something(call, ghost);
}

/// A call that is not closed says what it waits for, and says it right.
fn waits_for_something(call: &Call, ghost: &Ghost) {
    let requirements = call.requirements();
    let expected: Vec<Asked> = match ghost.stage {
        Stage::Gating(_) | Stage::Cleared | Stage::Executing | Stage::Closed => Vec::new(),
        Stage::InDoubt => vec![Asked::Doubt(ghost.doubts)],
        Stage::Input | Stage::Confirm | Stage::Approve | Stage::External => ghost
            .asks()
            .into_iter()
            .filter(|it| !matches!(it, Asked::Pool(pool) if ghost.votes_for(pool) >= ghost.quorum(pool)))
            .collect(),
    };
    assert_eq!(requirements.len(), expected.len());
    assert!(
        !expected.is_empty()
            || matches!(
                ghost.stage,
                Stage::Gating(_) | Stage::Cleared | Stage::Executing | Stage::Closed
            )
    );
    for requirement in &requirements {
        let asked = match requirement.kind {
            RequirementKind::UserInput => Asked::Input,
            RequirementKind::Confirmation => Asked::Confirm,
            RequirementKind::Approval => Asked::Pool(requirement.pool.clone().unwrap()),
            RequirementKind::External => Asked::External,
            RequirementKind::InDoubt => Asked::Doubt(ghost.doubts),
        };
        assert!(expected.contains(&asked), "{asked:?} is asked");
        if let Asked::Pool(pool) = &asked {
            assert_eq!(usize::from(requirement.has), ghost.votes_for(pool));
            assert_eq!(usize::from(requirement.needs), ghost.quorum(pool));
            assert!(
                requirement
                    .approved_by
                    .iter()
                    .all(|it| ghost.votes.get(it) == Some(pool))
            );
        }
        assert_eq!(requirement.seal, *call.seal());
        assert_eq!(requirement.expires_at, ghost.deadline);
        assert_eq!(requirement.warned, ghost.warned.contains(&asked));
        assert_eq!(requirement.escalated, ghost.escalated.contains(&asked));
        let shown = requirement.arguments.value();
        for (name, value) in ghost.arguments.value().as_object().unwrap() {
            let hidden = ghost.secrets.contains(name);
            assert_eq!(
                shown[name],
                if hidden { Value::from("***") } else { value.clone() }
            );
        }
    }
}
