//! What carries notices: a word before the colon of a destination, and whoever understands the rest.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use countersign::{ActorId, Error, NoticeKind};

use super::Delivery;

/// Carries notices to one kind of place.
#[async_trait]
pub(crate) trait Channel: Send + Sync {
    /// Whether it can reach this place, the destination without its word.
    fn reaches(&self, place: &str) -> bool;

    /// Whether anybody there wants to hear of this.
    fn tells(&self, _notice: NoticeKind) -> bool {
        true
    }

    /// Whether anybody there wants to hear of decisions that are not the last one.
    fn tells_steps(&self) -> bool {
        true
    }

    /// The destinations of one person, for what is asked of nobody else.
    async fn of_person(&self, _person: &ActorId) -> Result<Vec<String>, Error> {
        Ok(Vec::new())
    }

    /// Carries one. It may have arrived although this fails, and is tried again then, with the same id.
    async fn carry(&self, delivery: &Delivery) -> Result<(), Fault>;
}

/// Why something did not arrive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// This one may another time; not before the receiver's time, if it said one.
    Later { why: String, after: Option<Duration> },
    /// Nothing arrives there now: what else is due there is put off with it.
    Down { why: String, after: Option<Duration> },
    /// It never will.
    Never { why: String },
}

impl Fault {
    pub(crate) fn later(why: impl std::fmt::Display) -> Self {
        Self::Later {
            why: why.to_string(),
            after: None,
        }
    }

    pub(crate) fn down(why: impl std::fmt::Display) -> Self {
        Self::Down {
            why: why.to_string(),
            after: None,
        }
    }

    pub(crate) fn never(why: impl std::fmt::Display) -> Self {
        Self::Never { why: why.to_string() }
    }
}

/// The channels of this process, by the word of their destinations: `slack`, `mailto`, `webhook`.
#[derive(Clone, Default)]
pub(crate) struct Channels(BTreeMap<&'static str, Arc<dyn Channel>>);

impl Channels {
    pub(crate) fn add(&mut self, word: &'static str, channel: impl Channel + 'static) {
        self.0.insert(word, Arc::new(channel));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What carries to a destination, if anything here does.
    pub(crate) fn to(&self, destination: &str) -> Option<&dyn Channel> {
        let (word, place) = destination.split_once(':')?;
        self.0.get(word).map(|it| &**it).filter(|it| it.reaches(place))
    }

    /// The destinations of one person.
    pub(crate) async fn of_person(&self, person: &ActorId) -> Result<Vec<String>, Error> {
        let mut found = Vec::new();
        for channel in self.0.values() {
            found.extend(channel.of_person(person).await?);
        }
        Ok(found)
    }
}
