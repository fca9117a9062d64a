//! A call as text: how it is stored and read again.
//!
//! In two: its terms, which most steps leave as they are, and its state. What records tell of is the terms and `now`
//! of the state; beside that stands when the call was last changed, and until when a worker is believed to be alive.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::aside::Aside;
use super::terms::{Terms, Written};
use super::{CALL_VERSION, Call, CallError, Decided, Phase, Vote};
use crate::digest::Digest;
use crate::id::GrantId;
use crate::requirement::Ask;
use crate::time::Timestamp;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored<'a> {
    v: u32,
    updated: Timestamp,
    until: Option<Timestamp>,
    #[serde(borrow)]
    now: &'a RawValue,
}

/// Where a call stands.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Now<'a> {
    phase: Cow<'a, Phase>,
    votes: Cow<'a, BTreeSet<Vote>>,
    claims: u16,
    doubts: u16,
    tokens: Cow<'a, [Digest]>,
    decided: Cow<'a, [Decided]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    granted: Option<GrantId>,
    #[serde(default, skip_serializing_if = "is_empty")]
    warned: Cow<'a, BTreeSet<Ask>>,
    #[serde(default, skip_serializing_if = "is_empty")]
    escalated: Cow<'a, BTreeSet<Ask>>,
}

fn is_empty(asks: &BTreeSet<Ask>) -> bool {
    asks.is_empty()
}

/// What the last record told of, as the text of `now` and the digest of all, if that was made or read in this
/// process: it saves writing the call again for its row and for the next record.
#[derive(Clone, Default)]
pub(super) struct Told(Option<(Arc<str>, Digest)>);

impl Told {
    /// What these texts of a call say, without what stands beside them. The salt in the terms keeps the digest
    /// from being guessed.
    fn of(terms: &Digest, now: &str) -> Self {
        let digest = Digest::of("countersign/state/1", &[terms.bytes(), now.as_bytes()]);
        Self(Some((now.into(), digest)))
    }

    /// Takes it out: whatever comes next may change the call.
    pub(super) const fn take(&mut self) -> Self {
        Self(self.0.take())
    }

    pub(super) fn digest(&self) -> Option<Digest> {
        self.0.as_ref().map(|(_, digest)| *digest)
    }

    fn text(&self) -> Option<&str> {
        self.0.as_ref().map(|(text, _)| &**text)
    }
}

impl Call {
    /// Reads a stored call: what [`terms_text`](Self::terms_text) and [`state_text`](Self::state_text) wrote. A newer
    /// format and a damaged one are told apart.
    pub fn from_text(terms: &str, state: &str) -> Result<Self, CallError> {
        match serde_json::from_str::<Stored<'_>>(state) {
            Ok(stored) if stored.v == CALL_VERSION => stored.call(terms),
            Ok(stored) => Err(CallError::Newer {
                found: stored.v.into(),
            }),
            Err(error) => {
                let value: Value = serde_json::from_str(state).map_err(|error| damaged(&error))?;
                match value.get("v").and_then(Value::as_u64) {
                    Some(found) if found > u64::from(CALL_VERSION) => Err(CallError::Newer { found }),
                    Some(_) | None => Err(damaged(&error)),
                }
            }
        }
    }

    /// What is stored of what stays while people decide. Shared by all calls that it is the same of.
    pub fn terms_text(&self) -> Arc<str> {
        self.terms.text().clone()
    }

    /// What is stored of where it stands. With the terms, [`from_text`](Self::from_text) reads it back as an equal
    /// call.
    pub fn state_text(&self) -> String {
        let updated = self.updated;
        let now = self.told.text().map_or_else(|| self.now().into(), Cow::Borrowed);
        let mut text = String::with_capacity(128 + now.len());
        // Writing to a string cannot fail.
        let _ = write!(text, r#"{{"v":{CALL_VERSION},"updated":"{updated}","until":"#);
        let _ = match self.lease() {
            Some(until) => write!(text, "\"{until}\""),
            None => write!(text, "null"),
        };
        for part in [r#","now":"#, &now, "}"] {
            text.push_str(part);
        }
        text
    }

    /// Where it stands, as records tell of it.
    fn now(&self) -> String {
        let now = Now {
            phase: Cow::Borrowed(&self.phase),
            votes: Cow::Borrowed(&self.votes),
            claims: self.claims,
            doubts: self.doubts,
            tokens: Cow::Borrowed(&self.tokens),
            decided: Cow::Borrowed(&self.decided),
            granted: self.granted,
            warned: Cow::Borrowed(&self.warned),
            escalated: Cow::Borrowed(&self.escalated),
        };
        let mut text = Vec::with_capacity(768);
        let written = serde_json::to_writer(&mut text, &now).map(|()| text);
        written
            .ok()
            .and_then(|it| String::from_utf8(it).ok())
            .unwrap_or_default()
    }

    /// The stored call as its records tell of it; nothing once it is closed, when nothing of it runs any
    /// more.
    pub(super) fn to_be_told(&self) -> Told {
        if let Phase::Closed { .. } = self.phase {
            return Told::default();
        }
        Told::of(self.terms.digest(), &self.now())
    }

    /// The digest of the state that the records speak of.
    pub(super) fn state(&self) -> Option<Digest> {
        self.told.digest().or_else(|| self.to_be_told().digest())
    }
}

fn damaged(error: &serde_json::Error) -> CallError {
    CallError::Damaged(error.to_string())
}

impl Stored<'_> {
    fn call(self, terms: &str) -> Result<Call, CallError> {
        // As they are written, they need not be written once more to know what records must tell of. Of what was
        // edited, this is the digest of the edited text.
        let written = Written::as_read(terms);
        let mut terms: Terms = serde_json::from_str(terms).map_err(|error| damaged(&error))?;
        terms.written = Aside(written);
        let mut now: Now<'_> = serde_json::from_str(self.now.get()).map_err(|error| damaged(&error))?;
        let mut lease = None;
        if let Phase::Executing { until, .. } = now.phase.to_mut() {
            lease = Some(until);
        }
        match (lease, self.until) {
            (Some(until), Some(stored)) => *until = stored,
            (None, None) => {}
            (Some(_), None) | (None, Some(_)) => {
                return Err(CallError::Damaged(
                    "a call has the end of a lease, `until`, while it executes and at no other time"
                        .to_owned(),
                ));
            }
        }
        let told = if let Phase::Closed { .. } = &*now.phase {
            Told::default()
        } else {
            Told::of(terms.digest(), self.now.get())
        };
        Ok(Call {
            terms: Arc::new(terms),
            updated: self.updated,
            phase: now.phase.into_owned(),
            votes: now.votes.into_owned(),
            claims: now.claims,
            doubts: now.doubts,
            tokens: now.tokens.into_owned(),
            decided: now.decided.into_owned(),
            granted: now.granted,
            warned: now.warned.into_owned(),
            escalated: now.escalated.into_owned(),
            told: Aside(told),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actor::{Actor, Kind};
    use crate::call::{Event, Opening, Release};
    use crate::canonical::Canonical;
    use crate::digest::Digest;
    use crate::gate::{ConfirmationGate, Gates};
    use crate::id::{ActorId, CallId, RunId, TenantId, ToolName};
    use std::time::Duration;

    fn by() -> Actor {
        Actor {
            id: ActorId::new("alice").unwrap(),
            kind: Kind::Person,
            roles: [].into(),
            pools: [].into(),
            auth: "test".to_owned(),
        }
    }

    fn call() -> Call {
        let expires_in = Duration::from_hours(1);
        let arguments = Canonical::parse(r#"{"call":",\"now\":{}"}"#).unwrap();
        let confirmation = Some(ConfirmationGate {
            expires_in,
            because: Vec::new(),
        });
        let opening = Opening {
            id: CallId::new(0, 1),
            run: RunId::new(0, 1),
            session: None,
            tenant: TenantId::default(),
            tool: ToolName::new("restart").unwrap(),
            release: Release {
                descriptor: Digest::default(),
                idempotent: false,
                destructive: false,
                secrets: Vec::new(),
            },
            requester: by(),
            agent: None,
            salt: Digest::new([7; 32]),
            patience: expires_in,
            proposed: arguments.clone(),
            arguments,
            gates: Gates {
                confirmation,
                ..Gates::default()
            },
            rules: Digest::default(),
            blocked: Vec::new(),
            offer: None,
        };
        Call::open(opening, Timestamp::from_millis(0)).call
    }

    fn read(terms: &str, state: &str) -> Call {
        Call::from_text(terms, state).unwrap()
    }

    /// What records must tell of a call that was read is what was told of it when it was written.
    #[test]
    fn a_call_that_was_read_is_known_by_its_text() {
        let call = call();
        let read = read(&call.terms_text(), &call.state_text());
        assert!(read.told.digest().is_some());
        assert_eq!(read.told.digest(), call.to_be_told().digest());
        assert_eq!(
            (read.terms_text(), read.state_text()),
            (call.terms_text(), call.state_text())
        );
    }

    /// What is known of the terms as they were is not believed of others.
    #[test]
    fn changed_terms_are_written_anew() {
        let other = |mut call: Call| {
            let _ = (call.terms_text(), call.terms.gates_digest());
            call.terms_mut().gates.confirmation = None;
            call.terms_mut().round += 1;
            call
        };
        let call = call();
        let (shared, alone) = (other(call.clone()), other(self::call()));
        assert_eq!(call.terms_text(), self::call().terms_text());
        for changed in [&shared, &alone] {
            assert!(changed.terms_text().contains("\"round\":1"));
            assert_ne!(changed.terms.digest(), call.terms.digest());
            assert_ne!(changed.terms.gates_digest(), call.terms.gates_digest());
            assert_ne!(changed.to_be_told().digest(), call.to_be_told().digest());
        }
        assert_eq!(shared.to_be_told().digest(), alone.to_be_told().digest());
    }

    #[test]
    fn nothing_is_told_of_a_call_that_is_closed() {
        let (by, reason) = (by(), None);
        let closed = call().step(Event::Cancelled { by, reason }, Timestamp::from_millis(1));
        let read = read(&closed.call.terms_text(), &closed.call.state_text());
        assert_eq!((closed.call.state(), read.state()), (None, None));
    }

    #[test]
    fn an_edited_text_is_another_call() {
        let call = call();
        let (terms, state) = (call.terms_text(), call.state_text());
        // Without a space too many it would be the same call; nobody but an editor writes that.
        let spaced = |text: &str, name: &str| text.replacen(name, &format!("{name} "), 1);
        let edited = read(&spaced(&terms, r#""idempotent":"#), &state);
        assert_ne!(edited.state(), call.state());
        let edited = read(&terms, &spaced(&state, r#""claims":"#));
        assert_ne!(edited.state(), call.state());
        // Beside it, records tell of nothing.
        for name in ["{", r#""now":"#] {
            let read = read(&terms, &spaced(&state, name));
            assert_eq!((read.state(), read.state_text()), (call.state(), state.clone()));
        }
        let more = |text: &str, name: &str| text.replacen(name, &format!("\"more\":0,{name}"), 1);
        let twice = state.replacen(r#""claims":0"#, r#""claims":0,"claims":0"#, 1);
        for (terms, state) in [
            (&more(&terms, r#""idempotent":"#), &state),
            (&terms.to_string(), &more(&state, r#""claims":"#)),
            (&terms.to_string(), &more(&state, r#""until":"#)),
            (&terms.to_string(), &twice),
        ] {
            assert!(Call::from_text(terms, state).is_err(), "{terms} {state}");
        }
    }
}
