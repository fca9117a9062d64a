//! Where a story is played: the same steps, and the same words for what comes of them, whatever plays it.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter, Write as _};

use countersign::RequirementId;
use countersign::core::call::{Answer, Call, Outcome, Phase, Seal};
use countersign::core::requirement::Ask;

use crate::model::Model;
use crate::story::{Setup, Shown, Step};

/// What plays a story: the engine, or the bare machine.
pub(crate) trait Stage {
    /// Does one step and says what came of it.
    fn play(&mut self, step: &Step) -> String;
    /// Where the call stands.
    fn state(&mut self) -> String;
    /// With which amount the function ran, each time it did.
    fn ran(&self) -> Vec<u32>;
}

/// A story up to where model and stage differ.
#[derive(Debug)]
pub(crate) struct Difference {
    story: String,
    /// How many steps were played.
    pub(crate) after: usize,
}

impl Display for Difference {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.story)
    }
}

/// Plays a story to the model and on a stage. Gives the answers, or the story up to where they differ.
pub(crate) fn play(setup: &Setup, steps: &[Step], stage: &mut dyn Stage) -> Result<Vec<String>, Difference> {
    let mut model = Model::open(setup);
    let mut answers: Vec<String> = Vec::new();
    let tell = |answers: &[String], expected: String, found: String| {
        let mut story = format!("{setup}steps = [\n");
        for (step, answer) in steps.iter().zip(answers) {
            let arrow = if answer.is_empty() { "" } else { " -> " };
            let _ = writeln!(story, "    \"{step}{arrow}{answer}\",");
        }
        Difference {
            story: format!("{story}]\nexpected: {expected}\nfound:    {found}\n"),
            after: answers.len(),
        }
    };
    let told = |model: &Model| format!("{} ({}; ran {:?})", model.answer, model.state(), model.ran);
    let seen = |stage: &mut dyn Stage, answer: &str| {
        let ran = match stage.ran()[..] {
            [] => "None".to_owned(),
            [once] => format!("{:?}", Some(once)),
            ref often => format!("more than once: {often:?}"),
        };
        format!("{answer} ({}; ran {ran})", stage.state())
    };
    let (expected, found) = (told(&model), seen(stage, ""));
    if expected != found {
        return Err(tell(&answers, expected, found));
    }
    for step in steps {
        model.step(step);
        let answer = stage.play(step);
        answers.push(model.answer.clone());
        let (expected, found) = (told(&model), seen(stage, &answer));
        if expected != found {
            return Err(tell(&answers, expected, found));
        }
    }
    Ok(answers)
}

/// The ids of everything that was ever asked, by seal, in order: what somebody may still have on a screen.
#[derive(Default)]
pub(crate) struct Asked(Vec<(Seal, BTreeMap<String, RequirementId>)>);

impl Asked {
    /// Keeps what this call asks, if that is new.
    pub(crate) fn note(&mut self, call: &Call) {
        if self.0.last().is_some_and(|it| it.0 == *call.seal()) {
            return;
        }
        let gates = call.gates();
        let mut ids = BTreeMap::new();
        for (stands, name, ask) in [
            (gates.user_input.is_some(), "input", Ask::Input),
            (gates.confirmation.is_some(), "confirm", Ask::Confirm),
        ] {
            if stands {
                ids.insert(name.to_owned(), call.requirement_id(ask));
            }
        }
        for (place, gate) in gates.approvals.iter().enumerate() {
            ids.insert(gate.pool.to_string(), call.requirement_id(Ask::Approval(place)));
        }
        self.0.push((*call.seal(), ids));
    }

    pub(crate) fn id(&self, gate: &str, shown: Shown) -> Option<RequirementId> {
        let seal = match shown {
            Shown::Now => self.0.last(),
            Shown::First => self.0.first(),
            Shown::Before => self.0.len().checked_sub(2).and_then(|it| self.0.get(it)),
        };
        seal?.1.get(gate).copied()
    }
}

/// The answer in one word.
pub(crate) fn word(answer: &Answer) -> String {
    match answer {
        Answer::Accepted => "accepted",
        Answer::Repeated => "repeated",
        Answer::Refused(refusal) => refusal.code.as_str(),
    }
    .to_owned()
}

/// What a worker or a sweeper has made of a call.
pub(crate) fn moved(before: &Call, after: &Call) -> String {
    if before.seal() != after.seal() {
        return "asks anew".to_owned();
    }
    match (before.phase(), after.phase()) {
        (Phase::Closed { .. }, _) => "nothing",
        (
            _,
            Phase::Closed {
                outcome: Outcome::Returned { .. },
            },
        ) => "runs",
        (
            _,
            Phase::Closed {
                outcome: Outcome::Expired,
            },
        ) => "expires",
        (Phase::Cleared { .. }, Phase::Approve { .. }) => "voids votes",
        (before, after) if before == after => "nothing",
        (_, other) => other.name(),
    }
    .to_owned()
}

/// Where a call stands, and who has approved.
pub(crate) fn state(call: &Call) -> String {
    let phase = match call.phase() {
        Phase::Closed { outcome } => {
            return match outcome {
                Outcome::Rejected { by, .. }
                | Outcome::Cancelled { by, .. }
                | Outcome::Answered { by, .. } => format!("{} by {by}", outcome.name()),
                other => other.name().to_owned(),
            };
        }
        open => open.name(),
    };
    let gates = &call.gates().approvals;
    let votes = call
        .votes()
        .iter()
        .map(|it| format!("{} for {}", it.by, gates[it.gate].pool));
    let mut votes: Vec<String> = votes.collect();
    votes.sort();
    match votes.join(", ") {
        none if none.is_empty() => phase.to_owned(),
        votes => format!("{phase}: {votes}"),
    }
}
