//! Cards in Slack: written, and written again.

use countersign::{Call, CallId, Descriptor, Phase, RequirementId};
use serde_json::{Value, json};

use super::Slack;
use super::card::Card;
use super::client::Trouble;
use super::payload;
use super::people::User;
use crate::failure::Failure;
use crate::people::People;
use crate::record::{self, Voided};

/// What Slack says of a message that is too long as a whole.
const TOO_LONG: [&str; 2] = ["msg_blocks_too_long", "msg_too_long"];

/// A call with all that a card is made from.
pub(super) struct Loaded {
    pub(super) call: Call,
    pub(super) descriptor: Descriptor,
    people: People,
    is_stale: bool,
    voided: Vec<Voided>,
}

impl Slack {
    pub(super) async fn load(&self, call: CallId) -> Result<Loaded, Failure> {
        let call = self.session.engine.desk().call(call).await?;
        // Only then is it asked for again.
        let voided = match call.phase() {
            Phase::Approve { .. } => record::voided(&self.session, *call.id()).await?,
            _ => Vec::new(),
        };
        Ok(Loaded {
            voided,
            descriptor: self.session.descriptor(&call).await?,
            people: self.session.people().await?,
            is_stale: self.session.is_stale(&call),
            call,
        })
    }

    /// The card of a requirement.
    pub(super) fn card<'a>(&self, loaded: &'a Loaded, id: RequirementId) -> Card<'a> {
        Card {
            id,
            call: &loaded.call,
            descriptor: &loaded.descriptor,
            people: &loaded.people,
            is_stale: loaded.is_stale,
            voided: &loaded.voided,
            is_brief: false,
            page: self.page(id),
        }
    }

    /// The page of its call in the console.
    pub(super) fn page(&self, id: RequirementId) -> String {
        format!("{}/calls/{}", self.base, id.call())
    }

    /// The pen of a requirement.
    pub(super) fn pen(&self, id: RequirementId) -> &tokio::sync::Mutex<()> {
        let sum: usize = id.to_string().bytes().map(usize::from).sum();
        let [first, ..] = &self.pens;
        self.pens.get(sum % self.pens.len()).unwrap_or(first)
    }

    /// Makes a message show how its requirement stands.
    pub(super) async fn renew(&self, id: RequirementId, at: &payload::Card) -> Result<(), Trouble> {
        let _pen = self.pen(id).lock().await;
        let loaded = self.load(id.call()).await;
        let loaded = loaded.map_err(|error| Trouble::Unknown(error.to_string()))?;
        self.rewrite(&self.card(&loaded, id), &at.channel, &at.ts).await
    }

    /// Makes a message show a card.
    pub(super) async fn rewrite(&self, card: &Card<'_>, channel: &str, ts: &str) -> Result<(), Trouble> {
        let place = json!({"channel": channel, "ts": ts});
        self.sent("chat.update", card, &place).await.map(|_| ())
    }

    /// Posts a card; gives where it is in the channel.
    pub(super) async fn write(&self, card: &Card<'_>, channel: &str) -> Result<String, Trouble> {
        let place = json!({"channel": channel});
        let said = self.sent("chat.postMessage", card, &place).await?;
        let ts = said["ts"].as_str().map(str::to_owned);
        ts.ok_or_else(|| Trouble::Unknown("chat.postMessage: the answer names no message".to_owned()))
    }

    /// Sends a card to a place; without its arguments, where Slack says that all of it is too long. How it counts is
    /// documented nowhere, and who is asked must hear of it.
    async fn sent(&self, method: &str, card: &Card<'_>, place: &Value) -> Result<Value, Trouble> {
        let message = |card: &Card<'_>| {
            let mut message = card.message();
            for (name, value) in place.as_object().into_iter().flatten() {
                message[name.as_str()] = value.clone();
            }
            message
        };
        let said = self.client.call(method, &message(card)).await;
        let Err(trouble) = said else { return said };
        if !trouble.is(&TOO_LONG) {
            return Err(trouble);
        }
        let mut brief = card.clone();
        brief.is_brief = true;
        self.client.call(method, &message(&brief)).await
    }

    /// Tells one person something that nobody else sees.
    pub(super) async fn whisper(
        &self,
        to: &User,
        at: &payload::Card,
        words: &str,
        page: &str,
    ) -> Result<(), Trouble> {
        let body = json!({
            "channel": at.channel, "user": to.id(), "text": "Nothing was decided.", "mrkdwn": false,
            "blocks": [
                super::block::section(words),
                super::block::actions(&[super::block::link("Open in the console", page)]),
            ],
        });
        self.client.call("chat.postEphemeral", &body).await.map(|_| ())
    }

    /// Opens a form.
    pub(super) async fn open(&self, trigger: &str, view: &Value) -> Result<(), Trouble> {
        let body = json!({"trigger_id": trigger, "view": view});
        self.client.call("views.open", &body).await.map(|_| ())
    }
}
