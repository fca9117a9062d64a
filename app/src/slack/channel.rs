//! Carries notices to Slack: whatever happened, the card is made to show how its requirement stands.
//!
//! Where a card is, is kept. Between the moment that Slack has a new card and the moment that we have kept where it
//! is, this process may die, or the answer may be lost: so first it is kept that a card is about to be, and whoever
//! finds only that looks through the channel for it, by the metadata of the message, before writing another one.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use countersign::store::{Commit, Committed, Durability, EdgeRow, EdgeWrite, StoreError};
use countersign::{ActorId, Error, NoticeKind, RequirementId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Slack;
use super::block::escaped;
use super::card::{Card, EVENT};
use super::client::Trouble;
use super::people::{Links, is_id};
use super::place::next;
use crate::outbox::{Channel, Delivery, Fault};

/// The kind of edge rows that say where cards are; they are forgotten at their time.
pub(crate) const CARD: &str = "slack.card";
/// How long it is known where a card is, after it was last written.
const KEPT: Duration = Duration::from_hours(180 * 24);
/// How much earlier than we began Slack may say that a message was written.
const SKEW: Duration = Duration::from_mins(5);
/// How long whoever has begun to post a card may still be at it: longer than any attempt takes.
const POSTING: Duration = Duration::from_mins(1);
/// The most pages of messages that are looked through for a card.
const PAGES: usize = 20;
/// What Slack says of a card that is not there, or not ours.
const GONE: [&str; 2] = ["cant_update_message", "message_not_found"];
/// What it says of a message that is wrong in itself, and will be the next time: ours to mend. Anything else may change:
/// the app is invited, a channel is made or no longer archived, a token is made anew.
const HOPELESS: [&str; 9] = [
    "invalid_arguments",
    "invalid_blocks",
    "invalid_blocks_format",
    "invalid_metadata_format",
    "invalid_metadata_schema",
    "metadata_too_large",
    "msg_blocks_too_long",
    "msg_too_long",
    "no_text",
];

/// What it says of a place or of us, and not of the one card: no other card arrives there meanwhile either.
const SHUT: [&str; 11] = [
    "account_inactive",
    "channel_not_found",
    "ekm_access_denied",
    "invalid_auth",
    "is_archived",
    "missing_scope",
    "not_authed",
    "not_in_channel",
    "team_access_not_granted",
    "token_expired",
    "token_revoked",
];

/// Where a card is, as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    v: u32,
    channel: String,
    /// None while there is none, or nobody knows whether there is.
    ts: Option<String>,
    /// When somebody began to post it. None if nobody did, or Slack said that it did not take it.
    since: Option<Timestamp>,
    /// Of what people were reminded beside the card, which changes in silence.
    reminded: Vec<NoticeKind>,
    /// How often people were told that it is asked again.
    rounds: usize,
}

/// Carries notices to `slack:#channel`, `slack:C…` and `slack:U…`.
pub(crate) struct Cards(pub(crate) Arc<Slack>);

#[async_trait]
impl Channel for Cards {
    fn reaches(&self, place: &str) -> bool {
        place.starts_with('#') && place.len() > 1 || is_id(place, &['C', 'G', 'D', 'U', 'W'])
    }

    async fn of_person(&self, person: &ActorId) -> Result<Vec<String>, Error> {
        let engine = &self.0.session.engine;
        let (links, _) = Links(engine).list(Some(person), None, 10).await?;
        let here = links.iter().filter(|it| it.user.team() == self.0.team);
        Ok(here.map(|it| format!("slack:{}", it.user.id())).collect())
    }

    async fn carry(&self, delivery: &Delivery) -> Result<(), Fault> {
        let to = &delivery.kept.to;
        let place = to.strip_prefix("slack:").unwrap_or(to);
        self.0
            .show(delivery.kept.requirement, place, delivery.kept.notice)
            .await
    }
}

impl Slack {
    /// Makes the card of a requirement in one place show how it stands; writes it if there is none.
    pub(super) async fn show(&self, id: RequirementId, place: &str, notice: NoticeKind) -> Result<(), Fault> {
        let _pen = self.pen(id).lock().await;
        let loaded = self.load(id.call()).await.map_err(Fault::later)?;
        let card = self.card(&loaded, id);
        let row_id = format!("{id}.{place}");
        let (mut kept, mut version) = match self.kept(&row_id).await? {
            Some((kept, version)) => (kept, Some(version)),
            // What is over before anybody was shown it is shown to nobody.
            None if card.asked().is_none() => return Ok(()),
            None => (self.begun(place).await?, None),
        };
        if let (None, Some(since)) = (&kept.ts, kept.since) {
            let (now, over) = (self.session.engine.now(), since.after(POSTING));
            if now < over {
                // Another process may be at it, and its message not be there yet.
                let left = u64::try_from(over.millis() - now.millis()).unwrap_or_default();
                return Err(Fault::Later {
                    why: "somebody is posting this card, or was a moment ago".to_owned(),
                    after: Some(Duration::from_millis(left)),
                });
            }
            kept.ts = self.found(id, &kept.channel, since).await?;
        }
        if let Some(ts) = kept.ts.clone() {
            match self.rewrite(&card, &kept.channel, &ts).await {
                Ok(()) => {}
                Err(trouble) if trouble.is(&GONE) && card.asked().is_some() => kept.ts = None,
                Err(trouble) if trouble.is(&GONE) => return Ok(()),
                Err(trouble) => return Err(fault(trouble)),
            }
        }
        if kept.ts.is_none() {
            if card.asked().is_none() {
                return Ok(());
            }
            kept.since = Some(self.session.engine.now());
            version = Some(self.keep(&row_id, &kept, version).await?);
            match self.write(&card, &kept.channel).await {
                Ok(ts) => {
                    kept.ts = Some(ts);
                    kept.rounds = card.rounds();
                }
                Err(trouble) => {
                    if trouble.is_certain() {
                        kept.since = None;
                        self.keep(&row_id, &kept, version).await?;
                    }
                    return Err(fault(trouble));
                }
            }
        } else if card.asked().is_some() {
            self.remind(&card, &mut kept, notice).await?;
        }
        self.keep(&row_id, &kept, version).await.map(|_| ())
    }

    /// A card that nobody has begun to write.
    async fn begun(&self, place: &str) -> Result<Kept, Fault> {
        Ok(Kept {
            v: 1,
            channel: self.channel(place).await.map_err(fault)?,
            ts: None,
            since: None,
            reminded: Vec::new(),
            rounds: 0,
        })
    }

    /// Says below the card that time runs out or that it is asked again, once: nobody is told of a message that changes.
    async fn remind(&self, card: &Card<'_>, kept: &mut Kept, notice: NoticeKind) -> Result<(), Fault> {
        let rounds = card.rounds();
        if let Some(again) = card
            .asked()
            .and_then(|it| card.again(&it))
            .filter(|_| rounds > kept.rounds)
        {
            self.reply(card, kept, &again).await?;
            kept.rounds = rounds;
        }
        let words = match notice {
            NoticeKind::Warned => "Three quarters of the time are over.",
            NoticeKind::Escalated => "Nobody has answered; others are told.",
            _ => return Ok(()),
        };
        if kept.reminded.contains(&notice) {
            return Ok(());
        }
        self.reply(card, kept, words).await?;
        kept.reminded.push(notice);
        Ok(())
    }

    async fn reply(&self, card: &Card<'_>, kept: &Kept, words: &str) -> Result<(), Fault> {
        let body = json!({
            "channel": kept.channel, "thread_ts": kept.ts, "reply_broadcast": true, "mrkdwn": false,
            "text": escaped(&format!("{}: {words}", card.call.tool())), "unfurl_links": false, "unfurl_media": false,
        });
        self.client
            .call("chat.postMessage", &body)
            .await
            .map(|_| ())
            .map_err(fault)
    }

    /// A card that may have been written, if it was. Only our own app's messages are looked at, where it is known
    /// which that is.
    async fn found(
        &self,
        id: RequirementId,
        channel: &str,
        since: Timestamp,
    ) -> Result<Option<String>, Fault> {
        let since = since.before(SKEW).millis() / 1000;
        let since = since.to_string();
        let mut cursor = String::new();
        for _ in 0..PAGES {
            let fields = [
                ("channel", channel),
                ("oldest", &since),
                ("limit", "200"),
                ("include_all_metadata", "true"),
                ("cursor", &cursor),
            ];
            let page = match self.client.ask("conversations.history", &fields).await {
                Ok(page) => page,
                // Two cards are better than none.
                Err(Trouble::Refused(error)) => {
                    tracing::warn!(
                        error,
                        "Slack does not say which messages a channel has; a card may be there twice"
                    );
                    return Ok(None);
                }
                Err(trouble) => return Err(fault(trouble)),
            };
            let messages = page["messages"].as_array().into_iter().flatten();
            let mut ours = messages.filter(|it| self.is_ours(it) && is_about(it, id));
            if let Some(ts) = ours.find_map(|it| it["ts"].as_str()) {
                return Ok(Some(ts.to_owned()));
            }
            match next(&page) {
                Some(next) => cursor = next,
                None => return Ok(None),
            }
        }
        Ok(None)
    }

    fn is_ours(&self, message: &Value) -> bool {
        let app = message["app_id"].as_str();
        self.app.is_none() || app.is_none() || app == self.app.as_deref()
    }

    async fn kept(&self, id: &str) -> Result<Option<(Kept, u64)>, Fault> {
        let engine = &self.session.engine;
        let row = engine
            .store()
            .edge(engine.tenant(), CARD, id)
            .await
            .map_err(Fault::later)?;
        let Some(row) = row else { return Ok(None) };
        match serde_json::from_str::<Kept>(&row.state) {
            Ok(kept) if kept.v == 1 => Ok(Some((kept, row.version))),
            _ => Err(Fault::never(format!("the row {id} of a card cannot be read"))),
        }
    }

    /// Keeps where a card is; gives the version of the row.
    async fn keep(&self, id: &str, kept: &Kept, version: Option<u64>) -> Result<u64, Fault> {
        let engine = &self.session.engine;
        let now = engine.now();
        let version = version.map_or(0, |it| it + 1);
        let row = EdgeRow {
            kind: CARD.to_owned(),
            id: id.to_owned(),
            owner: None,
            version,
            at: Some(now.after(KEPT)),
            state: serde_json::to_string(kept).unwrap_or_default(),
        };
        let commit = Commit {
            edges: vec![EdgeWrite::Put(row)],
            durability: Durability::Process,
            ..Commit::new(engine.tenant().clone(), now)
        };
        let committed: Result<Committed, StoreError> = engine.store().commit(commit).await;
        match committed.map_err(Fault::later)? {
            Committed::Done { .. } => Ok(version),
            Committed::Conflict | Committed::Full => Err(Fault::later("another process writes this card")),
        }
    }
}

/// Whether a message is the card of a requirement.
fn is_about(message: &Value, id: RequirementId) -> bool {
    let metadata = &message["metadata"];
    metadata["event_type"] == EVENT && metadata["event_payload"]["requirement"] == id.to_string()
}

/// What it means for the outbox.
fn fault(trouble: Trouble) -> Fault {
    if trouble.is(&HOPELESS) {
        return Fault::never(format!("Slack says {trouble}: it will never take this card"));
    }
    let is_shut = trouble.is(&SHUT);
    match trouble {
        Trouble::Refused(why) => {
            let why = format!("Slack says {why}; whoever runs the workspace or this server can mend that");
            if is_shut {
                Fault::down(why)
            } else {
                Fault::later(why)
            }
        }
        Trouble::Down { why, after } | Trouble::Lost { why, after } => Fault::Down { why, after },
        Trouble::Unknown(why) => Fault::later(why),
    }
}
