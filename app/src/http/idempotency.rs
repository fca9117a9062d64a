//! `Idempotency-Key`: a request that is sent again is done once.
//!
//! After draft-ietf-httpapi-idempotency-key-header: the same key with the same request is the same request, with
//! another one it is a mistake. What is kept before anything is done is the id that the thing made will have; so a
//! repeat finds a gated call as it stands *now*, also after a crash in between. Of what runs in place and leaves no
//! call, the answer is kept; where a crash has swallowed it, nobody knows whether it ran, and the repeat says so.

use std::time::Duration;

use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use countersign::store::{Commit, Committed, Durability, EdgeRow, EdgeWrite};
use countersign::{CallId, Digest};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::IntoParams;

use crate::http::problem::Problem;
use crate::http::wire::Answer;
use crate::server::{Caller, Shared};

/// How long a key is remembered: a day.
pub(crate) const REMEMBERED: Duration = Duration::from_hours(24);
/// The kind of edge row.
pub(crate) const KIND: &str = "idempotency";

/// The header, for the document.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Header)]
#[allow(dead_code, reason = "read by the document only")]
pub(super) struct Key {
    /// Any text of 1 to 255 visible ASCII characters, new for every new request. Remembered for a day.
    #[param(rename = "Idempotency-Key", max_length = 255, pattern = "^[!-~]+$")]
    idempotency_key: Option<String>,
}

/// What is kept of a request.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    v: u32,
    /// The digest of what was asked.
    asked: Digest,
    /// The id that the call has or will have.
    call: CallId,
    /// The answer of what left no call.
    answer: Option<(u16, Value)>,
}

/// A request that is to be done once.
pub(super) struct Once<'a> {
    shared: &'a Shared,
    /// The row's id; none without a key.
    row: Option<String>,
    asked: Digest,
    caller: &'a Caller,
    /// The id that what it makes is to have.
    id: CallId,
    /// Whether what it makes is found by its id.
    stored: bool,
}

/// What to do with it.
pub(super) enum Begun {
    /// Do it, with this id.
    New(CallId),
    /// It was done.
    Answered(Response),
}

impl<'a> Once<'a> {
    /// A request by its key, if it brings one. `asked` is all of what it asks; `stored` says whether what it makes is
    /// found by its id.
    pub(super) fn new(
        shared: &'a Shared,
        caller: &'a Caller,
        headers: &HeaderMap,
        asked: &Value,
        stored: bool,
    ) -> Result<Self, Problem> {
        let key = match headers.get("idempotency-key") {
            None => None,
            Some(key) => {
                let text = key.as_bytes();
                if text.is_empty() || text.len() > 255 || !text.iter().all(u8::is_ascii_graphic) {
                    let what = "`Idempotency-Key` is 1 to 255 visible ASCII characters";
                    return Err(Problem::malformed(what));
                }
                let actor = caller.actor.id.as_str().as_bytes();
                Some(Digest::of("countersign/idempotency/1", &[actor, text]).to_string())
            }
        };
        Ok(Self {
            shared,
            row: key,
            asked: Digest::of(
                "countersign/idempotent-request/1",
                &[asked.to_string().as_bytes()],
            ),
            caller,
            id: shared.engine().new_call_id(),
            stored,
        })
    }

    /// Begins it, or finds what came of it.
    pub(super) async fn begin(&self) -> Result<Begun, Problem> {
        let Some(row) = &self.row else {
            return Ok(Begun::New(self.id));
        };
        if self.write(row, 0, None).await? {
            return Ok(Begun::New(self.id));
        }
        let engine = self.shared.engine();
        let found = engine.store().edge(engine.tenant(), KIND, row).await?;
        let kept = found.and_then(|it| serde_json::from_str::<Kept>(&it.state).ok());
        let Some(kept) = kept else {
            // Forgotten this very moment, or written by a newer release: nothing is done twice.
            return Err(Self::unknown());
        };
        if kept.asked != self.asked {
            let what = "this `Idempotency-Key` was used for another request; take a new one";
            return Err(Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency_key_reused",
                what,
            ));
        }
        match kept.answer {
            Some((status, answer)) => {
                let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
                Ok(Begun::Answered((status, axum::Json(answer)).into_response()))
            }
            None if self.stored => Ok(Begun::New(kept.call)),
            None => Err(Self::unknown()),
        }
    }

    /// Keeps the answer of what left nothing that could be found by its id, and gives it.
    pub(super) async fn end<T: Serialize>(
        self,
        answer: Result<(StatusCode, T), Problem>,
    ) -> Result<Response, Problem> {
        // What is not found by its id was begun by this request and by no other: its row is the one that this wrote.
        if let (Some(row), false) = (&self.row, self.stored) {
            match &answer {
                Ok((status, answer)) => {
                    let answer = serde_json::to_value(answer).map_err(|error| Problem::internal(&error))?;
                    self.write(row, 1, Some((status.as_u16(), answer))).await?;
                }
                // It was refused before anything was done: it may be sent again.
                Err(problem) if problem.status().is_client_error() => {
                    let mut commit = self.commit();
                    commit.edges = vec![EdgeWrite::Delete {
                        kind: KIND.to_owned(),
                        id: row.clone(),
                        version: 0,
                    }];
                    self.shared.engine().store().commit(commit).await?;
                }
                // Whether it was done, nobody knows. The row stays, and says so to whoever sends it again.
                Err(_) => {}
            }
        }
        let (status, answer) = answer?;
        Ok((status, axum::Json(answer)).into_response())
    }

    async fn write(&self, row: &str, version: u64, answer: Option<(u16, Value)>) -> Result<bool, Problem> {
        let engine = self.shared.engine();
        let kept = Kept {
            v: 1,
            asked: self.asked,
            call: self.id,
            answer,
        };
        let row = EdgeRow {
            kind: KIND.to_owned(),
            id: row.to_owned(),
            owner: Some(self.caller.actor.id.clone()),
            version,
            at: Some(engine.now().after(REMEMBERED)),
            state: serde_json::to_string(&kept).map_err(|error| Problem::internal(&error))?,
        };
        let mut commit = self.commit();
        commit.edges = vec![EdgeWrite::Put(row)];
        let done = engine.store().commit(commit).await?;
        Ok(matches!(done, Committed::Done { .. }))
    }

    fn commit(&self) -> Commit {
        let engine = self.shared.engine();
        Commit {
            // What is done next flushes this with it, or is itself lost with the machine.
            durability: Durability::Process,
            ..Commit::new(engine.tenant().clone(), engine.now())
        }
    }

    fn unknown() -> Problem {
        let what = "this very request was begun and has no answer yet; if it does not get one, nobody knows whether \
                    it was done: look before you send it with a new key";
        Problem::conflict("in_progress", what)
    }
}

impl Answer {
    /// With its status: 202 as long as something is still to come.
    pub(super) fn with_status(self) -> (StatusCode, Self) {
        let status = if self.is_open() {
            StatusCode::ACCEPTED
        } else {
            StatusCode::OK
        };
        (status, self)
    }
}
