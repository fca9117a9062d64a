//! The page of a call: what exactly is to run, why it waits, who said what, and what can be said now.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use countersign::{Call, CallId, Descriptor, Outcome, Phase, RequirementId, RequirementKind};
use countersign_agent::Run;
use serde::Deserialize;
use serde_json::Value;

use super::ask::{Ask, Draft, Parts};
use super::diff::{Difference, differences};
use super::events::newest;
use super::page::{Frame, Moment, Place, Trouble, part, sentence};
use super::similar::{self, Likeness, Similar};
use super::value::{Extent, View};
use super::visible::Line;
use super::visitor::Visitor;
use crate::explain::Explained;
use crate::record::{self, Record};
use crate::requirement::{self, because};
use crate::server::{Caller, Shared};
use crate::tools::condition;
use crate::{reply, sight};

/// What a link to a call can say.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Wanted {
    /// Whether long values are shown whole.
    #[serde(default)]
    pub(super) all: Option<String>,
    /// What was just done, to be said at the top.
    #[serde(default)]
    did: Option<String>,
    /// `live`: only what changes by itself.
    #[serde(default)]
    part: Option<String>,
    /// What the page asks that wants its part renewed.
    #[serde(default)]
    asked: Option<String>,
}

/// An amendment.
struct Amendment {
    by: Line,
    at: Moment,
    differences: Vec<Difference>,
}

/// A gate of the call.
struct GateView {
    what: Line,
    state: &'static str,
    because: Vec<Line>,
    by: Vec<Line>,
    grant: Option<String>,
}

/// How the call ended.
struct Ending {
    words: Line,
    reason: Option<Line>,
    result: Option<View>,
    class: &'static str,
}

/// One line of the timeline.
struct Told {
    at: Moment,
    who: Line,
    what: Line,
}

/// What changes by itself while somebody looks.
#[derive(Template)]
#[template(path = "part/live.html")]
struct Live {
    badge: (&'static str, &'static str),
    is_moving: bool,
    ending: Option<Ending>,
    missing: Vec<Line>,
    gates: Vec<GateView>,
    absent: Vec<(Line, Line)>,
    is_complete: bool,
    timeline: Vec<Told>,
}

impl askama::filters::HtmlSafe for Live {}

#[derive(Template)]
#[template(path = "call.html")]
struct CallPage {
    title: Line,
    description: Line,
    notice: Option<(&'static str, Line)>,
    sheet: Sheet,
}

/// All that belongs together: what is shown, and what can be said about exactly that. Only renewed as a whole.
#[derive(Template)]
#[template(path = "part/call.html")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "a template asks for them one by one"
)]
struct Sheet {
    id: CallId,
    /// The newest event when it was looked at.
    seen: u64,
    tool: Line,
    requester: Line,
    path: Vec<Line>,
    run: String,
    is_of_agent: bool,
    opened: Moment,
    arguments: View,
    is_open: bool,
    shows_all: bool,
    amendments: Vec<Amendment>,
    /// What was decided before, where something is to be decided now.
    similar: Vec<Similar>,
    asks: Vec<Ask>,
    /// The ids of what is asked, for the script to notice that it changed.
    asked: String,
    reask: Option<String>,
    is_stale: bool,
    may_cancel: bool,
    /// Whether anything stands beside it.
    has_aside: bool,
    live: Live,
}

impl askama::filters::HtmlSafe for Sheet {}

/// A call with everything that its page says.
pub(super) struct Seen {
    pub(super) call: Call,
    pub(super) descriptor: Descriptor,
    records: Vec<Record>,
    words: BTreeMap<String, String>,
    newest: u64,
}

impl Seen {
    /// Loads a call that somebody may see.
    pub(super) async fn load(shared: &Shared, caller: &Caller, id: CallId) -> Result<Self, Trouble> {
        let newest = newest(shared).await?;
        let call = sight::call(shared.engine(), &caller.actor, id).await?;
        let call = call.ok_or_else(|| Trouble::not_found("such call"))?;
        let session = shared.session();
        let records = record::of_call(session, id).await?;
        let words = record::words(session, &records).await?;
        let descriptor = session.descriptor(&call).await?;
        Ok(Self {
            call,
            descriptor,
            records,
            words,
            newest,
        })
    }

    /// What the page of now would show as the arguments.
    pub(super) fn arguments(&self, extent: Extent) -> View {
        let order: Vec<&str> = self
            .descriptor
            .parameters
            .iter()
            .map(|it| it.name.as_str())
            .collect();
        View::of(&self.call.shown_arguments().value(), &order, extent)
    }

    fn live(&self) -> Live {
        let explained = Explained::of(&self.call, &self.records, &self.descriptor.gates);
        let gates = explained.gates.iter().map(|it| GateView {
            what: Line::told(sentence(&it.what)),
            state: it.state,
            because: it.because.iter().map(|it| Line::told(because(it))).collect(),
            by: it.by.iter().map(Line::of).collect(),
            grant: it.grant.map(|it| it.to_string()),
        });
        let absent = explained.absent.iter();
        Live {
            badge: badge(self.call.phase()),
            is_moving: matches!(
                self.call.phase(),
                Phase::Gating { .. } | Phase::Cleared { .. } | Phase::Executing { .. }
            ),
            ending: ending(&self.call),
            missing: explained.missing.iter().map(Line::told).collect(),
            gates: gates.collect(),
            absent: absent
                .map(|it| (Line::told(sentence(&it.what)), Line::told(condition(&it.when))))
                .collect(),
            is_complete: explained.complete,
            timeline: self.records.iter().map(|it| told(it, &self.words)).collect(),
        }
    }

    /// What was changed, by whom.
    fn amendments(&self) -> Vec<Amendment> {
        let mut before: Option<Value> = None;
        let mut found = Vec::new();
        let read = |record: &Record, name| record.word(&self.words, name).map(reply::parsed);
        for record in &self.records {
            if record.kind() == "call.amended"
                && let (Some(before), Some(after)) = (&before, read(record, "proposed"))
            {
                found.push(Amendment {
                    by: Line::told(record.actor()),
                    at: Moment::read(record.time()),
                    differences: differences(before, &after),
                });
            }
            before = read(record, "shown").or(before);
        }
        found
    }
}

fn told(record: &Record, words: &BTreeMap<String, String>) -> Told {
    Told {
        at: Moment::read(record.time()),
        who: Line::told(record.actor()),
        what: Line::told(record.told(words)),
    }
}

/// How a call stands, as a class and a word.
pub(super) const fn badge(phase: &Phase) -> (&'static str, &'static str) {
    match phase {
        Phase::Input { .. } => ("wait", "Needs input"),
        Phase::Confirm { .. } => ("wait", "Waits for confirmation"),
        Phase::Approve { .. } => ("wait", "Waits for approval"),
        Phase::External { .. } => ("busy", "Waits for the outside"),
        Phase::InDoubt { .. } => ("bad", "In doubt"),
        Phase::Gating { .. } => ("busy", "Is being checked"),
        Phase::Cleared { .. } => ("busy", "Cleared to run"),
        Phase::Executing { .. } => ("busy", "Runs now"),
        Phase::Closed { outcome } => match outcome {
            Outcome::Returned { .. } => ("good", "Done"),
            Outcome::Answered { .. } => ("good", "Answered by a person"),
            Outcome::Failed { .. } => ("bad", "Failed"),
            Outcome::Rejected { .. } => ("bad", "Rejected"),
            Outcome::Blocked { .. } => ("bad", "Blocked"),
            Outcome::Expired => ("", "Expired"),
            Outcome::Cancelled { .. } => ("", "Cancelled"),
            Outcome::Abandoned { .. } => ("bad", "Abandoned"),
        },
    }
}

fn ending(call: &Call) -> Option<Ending> {
    let Phase::Closed { outcome } = call.phase() else {
        return None;
    };
    let mut ending = outcome_of(outcome);
    if call.may_have_run()
        && ending.result.is_none()
        && matches!(
            outcome,
            Outcome::Rejected { .. } | Outcome::Cancelled { .. } | Outcome::Expired | Outcome::Blocked { .. }
        )
    {
        ending.words = Line::of("It was closed, and may have run.");
    }
    Some(ending)
}

/// How something ended, in words.
fn outcome_of(outcome: &Outcome) -> Ending {
    use countersign::{Effect, Source};
    let result = |text: &str| Some(View::of(&reply::parsed(text), &[], Extent::All));
    let plain = |class, words: String, reason: Option<&str>| Ending {
        words: Line::of(words),
        reason: reason.map(Line::of),
        result: None,
        class,
    };
    match outcome {
        Outcome::Returned { result: text, source } => Ending {
            result: result(text),
            ..plain(
                "good",
                match source {
                    Source::Tool => "It ran. This is what it returned.",
                    Source::Reported => "The outside system reported this result.",
                    Source::Resolved => "An operator says that this is the result.",
                }
                .to_owned(),
                None,
            )
        },
        Outcome::Answered { answer, by } => Ending {
            result: result(answer),
            ..plain(
                "good",
                format!("Answered by {by} in place of the tool, which never ran."),
                None,
            )
        },
        Outcome::Failed { error, effect, .. } => {
            let doubt = match effect {
                Effect::None => "It did nothing.",
                Effect::Reported => "What it did until then, only the tool knows.",
                Effect::Unknown => "Whether it acted, nobody knows.",
            };
            plain("bad", format!("The tool failed. {doubt}"), Some(error))
        }
        Outcome::Rejected { by, reason, .. } => plain(
            "bad",
            format!("Rejected by {by}. The tool never ran."),
            reason.as_deref(),
        ),
        Outcome::Cancelled { by, reason } => plain(
            "",
            format!("Withdrawn by {by}. The tool never ran."),
            reason.as_deref(),
        ),
        Outcome::Blocked { errors } => plain(
            "bad",
            "Blocked. The tool never ran.".to_owned(),
            Some(&errors.join("; ")),
        ),
        Outcome::Expired => plain(
            "",
            "Nobody answered in time. The tool never ran.".to_owned(),
            None,
        ),
        Outcome::Abandoned { by, reason } => {
            plain("bad", format!("Given up by {by}. It may have run."), Some(reason))
        }
    }
}

/// The result of a tool that ran in place and was never stored, for its page.
pub(super) fn outcome_in_place(outcome: &Outcome) -> (Line, Option<Line>, Option<View>, &'static str) {
    let ending = outcome_of(outcome);
    (ending.words, ending.reason, ending.result, ending.class)
}

/// The page of a call.
pub(super) async fn call(
    State(shared): State<Shared>,
    Visitor(caller): Visitor,
    Path(id): Path<CallId>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Trouble> {
    let seen = Seen::load(&shared, &caller, id).await?;
    if wanted.part.as_deref() == Some("live") {
        if wanted.asked.is_none_or(|it| it == asked_of(&seen.call)) {
            return part(&seen.live());
        }
        // What can be decided is another thing than what the page offers: then all of it is renewed.
        let mut answer = part(&sheet(&shared, &caller, &seen, wanted.all.is_some(), None).await?)?;
        for (name, value) in [("hx-retarget", "#call"), ("hx-reswap", "outerHTML")] {
            answer.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        return Ok(answer);
    }
    let notice = wanted
        .did
        .as_deref()
        .and_then(did)
        .map(|it| ("good", Line::of(it)));
    page(
        &shared,
        &caller,
        &seen,
        wanted.all.is_some(),
        notice,
        None,
        StatusCode::OK,
    )
    .await
}

/// What a call asked at some time: the page of the call, and whether this is still asked.
pub(super) async fn request(
    State(shared): State<Shared>,
    Visitor(caller): Visitor,
    Path(id): Path<RequirementId>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Trouble> {
    let seen = Seen::load(&shared, &caller, id.call()).await?;
    let is_asked = requirement::find(&seen.call, id).is_some();
    let words = "What this link asked was decided, or changed since. This is how it stands now.";
    let notice = (!is_asked).then(|| ("warn", Line::of(words)));
    page(
        &shared,
        &caller,
        &seen,
        wanted.all.is_some(),
        notice,
        None,
        StatusCode::OK,
    )
    .await
}

/// What was just done, in words. Anything else in a link says nothing.
fn did(word: &str) -> Option<&'static str> {
    Some(match word {
        "confirm" => "You confirmed it.",
        "approve" => "You approved it.",
        "reject" => "You rejected it. It will not run.",
        "amend" => {
            "You changed the arguments. What was decided before counts no more; look at it again, then confirm it."
        }
        "answer" => "You answered in place of the tool. It will not run.",
        "fill" => "You filled it in.",
        "report" | "report-failure" => "You reported how it ended.",
        "reask" => "Everybody is asked anew.",
        "retry" => "You let it run again.",
        "handed-off" => "You said that it was handed over; a report is awaited.",
        "done" => "You said how it ended.",
        "abandon" => "You gave it up.",
        "cancel" => "You withdrew it. It will not run.",
        "call" => "Proposed. Nothing has run yet.",
        _ => return None,
    })
}

/// What is asked, as one word for comparing.
fn asked_of(call: &Call) -> String {
    let ids: Vec<String> = call.requirements().iter().map(|it| it.id.to_string()).collect();
    ids.join("-")
}

/// Draws the page.
pub(super) async fn page(
    shared: &Shared,
    caller: &Caller,
    seen: &Seen,
    shows_all: bool,
    notice: Option<(&'static str, Line)>,
    draft: Option<(RequirementId, Draft)>,
    status: StatusCode,
) -> Result<Response, Trouble> {
    let sheet = sheet(shared, caller, seen, shows_all, draft).await?;
    let is_mine = sheet.asks.iter().any(|it| it.is_mine);
    let place = if is_mine { Place::Inbox } else { Place::Calls };
    let tool = seen.call.tool();
    let body = CallPage {
        title: Line::of(seen.descriptor.title.as_deref().unwrap_or(tool.as_str())),
        description: Line::of(crate::tools::unbroken(&seen.descriptor.description)),
        notice,
        sheet,
    };
    let frame = Frame {
        shared,
        caller,
        place,
    };
    frame.page_with(status, tool.as_str(), &body)
}

async fn sheet(
    shared: &Shared,
    caller: &Caller,
    seen: &Seen,
    shows_all: bool,
    draft: Option<(RequirementId, Draft)>,
) -> Result<Sheet, Trouble> {
    let (engine, session, call) = (shared.engine(), shared.session(), &seen.call);
    let arguments = seen.arguments(if shows_all { Extent::All } else { Extent::Brief });
    let is_open = arguments.is_open();
    let people = session.people().await?;
    let requirements = call.requirements();
    let asks = requirements.iter().map(|it| {
        let parts = Parts::of(&seen.descriptor, &it.fields);
        let draft = draft
            .as_ref()
            .filter(|(on, _)| *on == it.id)
            .map(|(_, draft)| draft);
        let mut ask = Ask::of(&people, caller, call, it, &parts, engine.now(), draft);
        ask.is_closed = !is_open;
        ask
    });
    let is_stale = session.is_stale(call);
    let is_own =
        caller.actor.id == *call.requester() || caller.actor.has_role(countersign::core::actor::OPERATOR);
    let row = engine.store().run(engine.tenant(), *call.run()).await?;
    let path = row.as_ref().map(Run::path_of).unwrap_or_default();
    let similar = match call.phase() {
        Phase::Input { .. } | Phase::Confirm { .. } | Phase::Approve { .. } => {
            similar::similar(shared, caller, call).await?
        }
        Phase::Gating { .. }
        | Phase::Cleared { .. }
        | Phase::Executing { .. }
        | Phase::External { .. }
        | Phase::InDoubt { .. }
        | Phase::Closed { .. } => Vec::new(),
    };
    Ok(Sheet {
        id: *call.id(),
        seen: seen.newest,
        tool: Line::of(call.tool()),
        requester: Line::of(call.requester()),
        is_of_agent: !path.is_empty() && row.is_some_and(|it| sight::sees_run(&caller.actor, &it)),
        path: if path.is_empty() {
            call.agent().iter().map(|it| Line::of(&it.id)).collect()
        } else {
            path.iter().map(Line::of).collect()
        },
        run: call.run().to_string(),
        opened: Moment::of(*call.opened()),
        arguments,
        is_open,
        shows_all,
        amendments: seen.amendments(),
        similar,
        asks: asks.collect(),
        asked: asked_of(call),
        reask: call
            .reask()
            .filter(|_| is_stale && is_own)
            .map(|it| it.id.to_string()),
        is_stale: is_stale && !matches!(call.phase(), Phase::Closed { .. }),
        may_cancel: is_own
            && matches!(
                call.phase(),
                Phase::Input { .. }
                    | Phase::Gating { .. }
                    | Phase::Confirm { .. }
                    | Phase::Approve { .. }
                    | Phase::Cleared { .. }
            ),
        has_aside: call.deadline().is_some() || !requirements.is_empty(),
        live: seen.live(),
    })
}
