//! Where a place of the policy is in Slack: the conversation that has a name, or that with one person.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use countersign::Timestamp;
use serde_json::{Value, json};

use super::Slack;
use super::client::Trouble;
use super::people::is_id;

/// How long a name is believed to be that of the same channel.
const KNOWN: Duration = Duration::from_mins(10);
/// How many names are kept.
const MOST: usize = 256;
/// The most pages of channels that are looked through for a name.
const PAGES: usize = 20;

/// The channels that names were of a while ago: Slack lists channels, and has no way to ask for one by its name.
#[derive(Default)]
pub(super) struct Names(Mutex<HashMap<String, (String, Timestamp)>>);

impl Names {
    fn get(&self, name: &str, now: Timestamp) -> Option<String> {
        let names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (channel, until) = names.get(name)?;
        (now < *until).then(|| channel.clone())
    }

    fn put(&self, name: &str, channel: &str, now: Timestamp) {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if names.len() >= MOST {
            names.clear();
        }
        names.insert(name.to_owned(), (channel.to_owned(), now.after(KNOWN)));
    }
}

impl Slack {
    /// The id of a channel by its name, or of the conversation with a user.
    pub(super) async fn channel(&self, place: &str) -> Result<String, Trouble> {
        if let Some(name) = place.strip_prefix('#') {
            let now = self.session.engine.now();
            if let Some(known) = self.names.get(name, now) {
                return Ok(known);
            }
            let found = self.named(name).await?;
            self.names.put(name, &found, now);
            return Ok(found);
        }
        if is_id(place, &['U', 'W']) {
            let opened = self
                .client
                .call("conversations.open", &json!({"users": place}))
                .await?;
            let channel = opened["channel"]["id"].as_str().map(str::to_owned);
            return channel.ok_or_else(|| {
                Trouble::Unknown("conversations.open: the answer names no channel".to_owned())
            });
        }
        Ok(place.to_owned())
    }

    async fn named(&self, name: &str) -> Result<String, Trouble> {
        let mut cursor = String::new();
        for _ in 0..PAGES {
            let fields = [
                ("types", "public_channel,private_channel"),
                ("exclude_archived", "true"),
                ("limit", "1000"),
                ("cursor", &cursor),
            ];
            let page = self.client.ask("conversations.list", &fields).await?;
            let mut channels = page["channels"].as_array().into_iter().flatten();
            let found = channels.find(|it| it["name"] == name);
            if let Some(id) = found.and_then(|it| it["id"].as_str()) {
                return Ok(id.to_owned());
            }
            match next(&page) {
                Some(next) => cursor = next,
                None => break,
            }
        }
        Err(Trouble::Refused(format!(
            "there is no channel #{name} that the app can see; name its id"
        )))
    }
}

/// Where a list goes on.
pub(super) fn next(page: &Value) -> Option<String> {
    let cursor = page["response_metadata"]["next_cursor"].as_str()?;
    (!cursor.is_empty()).then(|| cursor.to_owned())
}
