//! `explain`: which gates a call has, what made each of them stand, and what is still missing.
//!
//! All of it is read from the stored call, which was frozen when its arguments were complete: what is
//! explained is what is enforced, not what the policy of today would say.

use std::fmt::Write as _;

use countersign::core::call::From;
use countersign::core::requirement::Ask;
use countersign::core::time::Timestamp;
use countersign::gate::{DeclaredGates, Origin};
use countersign::{Call, CallId, GrantId, Outcome, Phase, Requirement};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::record::{self, Record};
use crate::reply::{Reply, head};
use crate::requirement::{because, reminders, time_left};
use crate::session::Session;
use crate::text;
use crate::tools::condition;

/// One gate of a call.
pub(crate) struct Gate {
    kind: &'static str,
    pub(crate) what: String,
    pub(crate) because: Vec<Origin>,
    pub(crate) state: &'static str,
    pool: Option<String>,
    needs: u16,
    pub(crate) by: Vec<String>,
    /// When each of them said so, for votes.
    at: Vec<Timestamp>,
    /// The grant that passed it, in place of a person.
    pub(crate) grant: Option<GrantId>,
    /// What it asks, if it asks now.
    asks: Option<Requirement>,
}

/// A gate that is declared on the function and does not stand for these arguments.
pub(crate) struct Absent {
    kind: &'static str,
    pub(crate) what: String,
    pub(crate) when: String,
}

/// Why a call stands as it does.
pub(crate) struct Explained {
    pub(crate) gates: Vec<Gate>,
    pub(crate) absent: Vec<Absent>,
    /// What must still happen before it runs.
    pub(crate) missing: Vec<String>,
    /// Whether the arguments are, so that all gates are known.
    pub(crate) complete: bool,
}

impl Explained {
    /// Reads it from a call, its records and what its function declares.
    pub(crate) fn of(call: &Call, records: &[Record], declared: &DeclaredGates) -> Self {
        let gates = gates(call, records);
        let complete = !awaits_arguments(call);
        Self {
            absent: if complete {
                absent(call, declared)
            } else {
                Vec::new()
            },
            missing: missing(call, &gates),
            gates,
            complete,
        }
    }
}

/// Explains a call.
pub(crate) async fn explain(session: &Session, id: CallId) -> Result<Reply, Failure> {
    let call = session.engine.desk().call(id).await?;
    let records = record::of_call(session, id).await?;
    let declared = session.descriptor(&call).await?.gates;
    let Explained {
        gates,
        absent,
        missing,
        complete,
    } = Explained::of(&call, &records, &declared);
    let decided: Vec<Record> = records.into_iter().filter(decides).collect();
    let words = record::words(session, &decided).await?;
    let json = json!({
        "call": call.id(),
        "run": call.run(),
        "tool": call.tool(),
        "requester": call.requester(),
        "phase": call.phase().name(),
        "arguments": call.shown_arguments().value(),
        "rules": call.rules(),
        "complete": complete,
        "gates": gates.iter().map(gate_json).collect::<Vec<_>>(),
        "not_asked": absent.iter().map(|it| json!({"kind": it.kind, "what": it.what, "when": it.when})).collect::<Vec<_>>(),
        "decided": decided.iter().map(|it| &it.entry).collect::<Vec<_>>(),
        "missing": missing,
    });
    let mut told = head(session, &call);
    told.push('\n');
    for gate in &gates {
        told.push_str(&text::wrapped(
            &format!("{} - {}", gate.what, gate.state),
            "  - ",
            "    ",
        ));
        for origin in &gate.because {
            told.push_str(&text::wrapped(&because(origin), "      ", "      "));
        }
        if let Some(asked) = &gate.asks {
            for line in time_left(asked)
                .into_iter()
                .chain(reminders(asked).map(str::to_owned))
            {
                let _ = writeln!(told, "      {line}");
            }
        }
        if let Some(grant) = gate.grant {
            let _ = writeln!(told, "      remembered: {grant}");
        }
        if !gate.by.is_empty() {
            let _ = writeln!(told, "      by {}", text::listed(&gate.by, "and"));
        }
    }
    for it in &absent {
        told.push_str(&text::wrapped(
            &format!("{} - not asked", it.what),
            "  - ",
            "    ",
        ));
        let why = format!(
            "its condition does not hold for these arguments: {}",
            condition(&it.when)
        );
        told.push_str(&text::wrapped(&why, "      ", "      "));
    }
    if !complete {
        let why = "The arguments are not complete; the gates after the input are known once they are.";
        told.push_str(&text::wrapped(why, "  ", "  "));
    }
    told.push('\n');
    for it in &missing {
        told.push_str(&text::wrapped(it, "  ", "  "));
    }
    if !decided.is_empty() {
        let _ = write!(told, "\n  Decided (UTC)\n{}", record::timeline(&decided, &words));
    }
    Ok(Reply::done(json, told))
}

/// Whether a record says what led to the gates of now, who passed them, or who was refused.
fn decides(record: &Record) -> bool {
    matches!(
        record.kind(),
        "call.filled"
            | "call.confirmed"
            | "call.amended"
            | "call.answered"
            | "call.approved"
            | "call.rejected"
            | "call.reasked"
            | "call.cancelled"
            | "call.tightened"
            | "call.deadline_passed"
            | "call.votes_voided"
            | "call.resolved"
            | "call.refused"
            | "grant.made"
            | "grant.used"
    )
}

fn gate_json(gate: &Gate) -> Value {
    json!({
        "kind": gate.kind,
        "pool": gate.pool,
        "needs": gate.needs,
        "has": gate.by.len(),
        "by": gate.by,
        "at": gate.at,
        "grant": gate.grant,
        "state": gate.state,
        "expires_at": gate.asks.as_ref().and_then(|it| it.expires_at),
        "warned": gate.asks.as_ref().is_some_and(|it| it.warned),
        "escalated": gate.asks.as_ref().is_some_and(|it| it.escalated),
        "because": gate.because,
    })
}

/// Whether the arguments still wait for a person or for a process that links the tool.
fn awaits_arguments(call: &Call) -> bool {
    match call.phase() {
        Phase::Input { .. } => true,
        Phase::Gating { from, .. } => matches!(from, From::Filled { .. }),
        _ => false,
    }
}

fn gates(call: &Call, records: &[Record]) -> Vec<Gate> {
    let frozen = call.gates();
    let seal = call.seal().to_string();
    let asked = call.requirements();
    let asks = |ask: Ask| {
        let id = call.requirement_id(ask);
        asked.iter().find(|it| it.id == id).cloned()
    };
    let mut gates = Vec::new();
    if let Some(gate) = &frozen.user_input {
        let met = !awaits_arguments(call) && records.iter().any(|it| it.kind() == "call.gated");
        gates.push(Gate {
            kind: "user_input",
            what: format!(
                "input by {}: {}",
                call.requester(),
                text::shown(&text::listed(&gate.fields, "and"))
            ),
            because: gate.because.clone(),
            state: state(call, met, matches!(call.phase(), Phase::Input { .. })),
            pool: None,
            needs: 1,
            by: if met {
                vec![call.requester().to_string()]
            } else {
                Vec::new()
            },
            at: Vec::new(),
            grant: None,
            asks: asks(Ask::Input),
        });
    }
    if let Some(gate) = &frozen.confirmation {
        let said = |it: &Record| it.kind() == "call.confirmed" && it.seal() == seal;
        let met = call.granted().is_some() || records.iter().any(said);
        gates.push(Gate {
            kind: "confirmation",
            what: format!("confirmation by {}", call.requester()),
            because: gate.because.clone(),
            state: state(call, met, matches!(call.phase(), Phase::Confirm { .. })),
            pool: None,
            needs: 1,
            by: if met {
                vec![call.requester().to_string()]
            } else {
                Vec::new()
            },
            at: Vec::new(),
            grant: *call.granted(),
            asks: asks(Ask::Confirm),
        });
    }
    for (place, gate) in frozen.approvals.iter().enumerate() {
        let votes = call.votes().iter().filter(|it| it.gate == place);
        let (by, at): (Vec<String>, Vec<Timestamp>) = votes.map(|it| (it.by.to_string(), it.at)).unzip();
        let met = by.len() >= usize::from(gate.quorum);
        gates.push(Gate {
            kind: "approval",
            what: format!("approval by {} of pool {}", gate.quorum, gate.pool),
            because: gate.because.clone(),
            state: state(call, met, matches!(call.phase(), Phase::Approve { .. })),
            pool: Some(gate.pool.to_string()),
            needs: gate.quorum,
            by,
            at,
            grant: None,
            asks: asks(Ask::Approval(place)),
        });
    }
    if let Some(gate) = &frozen.external {
        let met = matches!(
            call.phase(),
            Phase::Closed {
                outcome: Outcome::Returned { .. } | Outcome::Failed { .. }
            }
        );
        gates.push(Gate {
            kind: "external",
            what: "result from the outside system".to_owned(),
            because: gate.because.clone(),
            state: state(call, met, matches!(call.phase(), Phase::External { .. })),
            pool: None,
            needs: 1,
            by: Vec::new(),
            at: Vec::new(),
            grant: None,
            asks: asks(Ask::External),
        });
    }
    gates
}

fn state(call: &Call, met: bool, asks: bool) -> &'static str {
    if met {
        "met"
    } else if asks {
        "asking"
    } else if matches!(call.phase(), Phase::Closed { .. }) {
        "not met"
    } else {
        "later"
    }
}

/// The declared gates whose condition did not hold.
fn absent(call: &Call, declared: &DeclaredGates) -> Vec<Absent> {
    let frozen = call.gates();
    let mut absent = Vec::new();
    let stands = |because: &[Origin], text: &str| {
        let same = |it: &Origin| matches!(it, Origin::Annotation { when: Some(when) } if when == text);
        because.iter().any(same)
    };
    let confirmation = declared.confirmation.as_ref().and_then(|it| it.when.as_ref());
    let confirmed = |when: &String| {
        frozen
            .confirmation
            .as_ref()
            .is_some_and(|it| stands(&it.because, when))
    };
    if let Some(when) = confirmation.filter(|it| !confirmed(it)) {
        absent.push(Absent {
            kind: "confirmation",
            what: format!("confirmation by {}", call.requester()),
            when: when.clone(),
        });
    }
    for gate in &declared.approvals {
        let Some(when) = &gate.when else { continue };
        if !frozen
            .approvals
            .iter()
            .any(|it| it.pool == gate.pool && stands(&it.because, when))
        {
            absent.push(Absent {
                kind: "approval",
                what: format!("approval by {} of pool {}", gate.quorum, gate.pool),
                when: when.clone(),
            });
        }
    }
    absent
}

/// What must still happen before it runs.
fn missing(call: &Call, gates: &[Gate]) -> Vec<String> {
    match call.phase() {
        Phase::Closed { outcome } => {
            return vec![format!("Closed: {}. Nothing more can happen.", outcome.name())];
        }
        Phase::Cleared { .. } => return vec!["Every gate is met; it waits for a worker.".to_owned()],
        Phase::Executing { .. } => return vec!["Every gate is met; it runs now.".to_owned()],
        Phase::InDoubt { .. } => {
            return vec!["It may have run, nobody knows. An operator must look and settle it.".to_owned()];
        }
        Phase::Gating { .. } => return vec!["It waits for a process that links its tool.".to_owned()],
        Phase::Input { .. } | Phase::Confirm { .. } | Phase::Approve { .. } | Phase::External { .. } => {}
    }
    gates
        .iter()
        .filter(|it| it.state != "met")
        .map(|it| match &it.pool {
            Some(pool) => {
                let left = usize::from(it.needs).saturating_sub(it.by.len());
                format!("Missing: {left} of pool {pool}.")
            }
            None => format!("Missing: {}.", it.what),
        })
        .collect()
}
