//! A call as text: how it is stored and read again.
//!
//! What its records tell of stands in `call`; beside it stands what they do not speak of: when it was last
//! changed, and until when a worker is believed to be alive.

use std::fmt::Write as _;

use serde::Deserialize;
use serde_json::Value;

use super::seal::Told;
use super::{CALL_VERSION, Call, CallError, Phase};
use crate::time::Timestamp;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    v: u32,
    updated: Timestamp,
    until: Option<Timestamp>,
    call: Call,
}

impl Call {
    /// Reads a stored call. A newer format and a damaged one are told apart.
    pub fn from_text(text: &str) -> Result<Self, CallError> {
        let damaged = |error: serde_json::Error| CallError::Damaged(error.to_string());
        match serde_json::from_str::<Stored>(text) {
            Ok(stored) if stored.v == CALL_VERSION => stored.call(text),
            Ok(stored) => Err(CallError::Newer {
                found: stored.v.into(),
            }),
            Err(error) => {
                let value: Value = serde_json::from_str(text).map_err(damaged)?;
                match value.get("v").and_then(Value::as_u64) {
                    Some(found) if found > u64::from(CALL_VERSION) => Err(CallError::Newer { found }),
                    Some(_) | None => Err(damaged(error)),
                }
            }
        }
    }

    /// The stored form. `from_text` reads it back as an equal call.
    pub fn to_text(&self) -> String {
        let mut text = self.head();
        match self.told.text() {
            Some(body) => text.push_str(&body),
            None => text.push_str(&self.body()),
        }
        text.push('}');
        text
    }

    /// What stands before the call itself.
    fn head(&self) -> String {
        let updated = self.updated;
        let mut head = String::with_capacity(2048);
        // Writing to a string cannot fail.
        let _ = write!(head, r#"{{"v":{CALL_VERSION},"updated":"{updated}","until":"#);
        let _ = match self.lease() {
            Some(until) => write!(head, "\"{until}\""),
            None => write!(head, "null"),
        };
        head.push_str(r#","call":"#);
        head
    }

    /// What records tell of.
    pub(super) fn body(&self) -> String {
        let mut body = Vec::with_capacity(2048);
        let written = serde_json::to_writer(&mut body, self).map(|()| body);
        written
            .ok()
            .and_then(|it| String::from_utf8(it).ok())
            .unwrap_or_default()
    }
}

impl Stored {
    fn call(self, text: &str) -> Result<Call, CallError> {
        let mut call = self.call;
        call.updated = self.updated;
        let mut lease = None;
        if let Phase::Executing { until, .. } = &mut call.phase {
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
        // Written as we write it, the text needs not be written once more to know what records must tell of.
        // Of one that was edited, this is the digest of the edited text.
        let body = text
            .strip_prefix(&*call.head())
            .and_then(|it| it.strip_suffix('}'));
        call.told = match (&call.phase, body) {
            (Phase::Closed { .. }, _) | (_, None) => Told::default(),
            (_, Some(body)) => Told::of(body),
        };
        Ok(call)
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
        let arguments = Canonical::parse(r#"{"call":",\"call\":{}"}"#).unwrap();
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

    /// What records must tell of a call that was read is what was told of it when it was written.
    #[test]
    fn a_call_that_was_read_is_known_by_its_text() {
        let call = call();
        let read = Call::from_text(&call.to_text()).unwrap();
        assert!(read.told.digest().is_some());
        assert_eq!(read.told.digest(), Told::of(&call.body()).digest());
        assert_eq!(read.to_text(), call.to_text());
    }

    #[test]
    fn nothing_is_told_of_a_call_that_is_closed() {
        let (by, reason) = (by(), None);
        let closed = call().step(Event::Cancelled { by, reason }, Timestamp::from_millis(1));
        let read = Call::from_text(&closed.call.to_text()).unwrap();
        assert_eq!((closed.call.state(), read.state()), (None, None));
    }

    #[test]
    fn an_edited_text_is_another_call_or_is_read_anew() {
        let (call, text) = (call(), call().to_text());
        // Without a space too many it would be the same call; nobody but an editor writes that.
        let edited = text.replacen(r#""idempotent":"#, r#""idempotent": "#, 1);
        assert_ne!(Call::from_text(&edited).unwrap().state(), call.state());
        for (from, to) in [(r#"{"v""#, r#"{ "v""#), (r#","call":{"#, r#", "call":{"#)] {
            let read = Call::from_text(&text.replacen(from, to, 1)).unwrap();
            assert_eq!((read.told.digest(), read.state()), (None, call.state()));
            assert_eq!(read.to_text(), text);
        }
        let doubled = text.replacen(r#","call":{"#, r#","call":{"claims":0,"#, 1);
        assert!(Call::from_text(&doubled).is_err());
    }
}
