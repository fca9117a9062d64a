//! Carries notices to people's mailboxes.

use std::collections::BTreeMap;

use async_trait::async_trait;
use countersign::{ActorId, Engine, Error, NoticeKind};
use lettre::Address;
use lettre::message::Mailbox;

use super::letter::Letter;
use super::server::Server;
use crate::config::Config;
use crate::failure::Failure;
use crate::outbox::{Channel, Delivery, Fault};

/// The mailboxes that the configuration lets us write to.
pub(crate) struct Emails {
    engine: Engine,
    /// How people reach the console.
    base: String,
    server: Server,
    from: Mailbox,
    people: BTreeMap<ActorId, Address>,
}

impl Emails {
    /// As it is configured, each setting checked.
    pub(crate) fn new(
        engine: Engine,
        config: &Config,
        email: &super::Config,
        base: &str,
    ) -> Result<Self, Failure> {
        let from: Mailbox = email
            .from
            .parse()
            .map_err(|error| config.fault("email.from", error))?;
        if !from.email.to_string().is_ascii() {
            return Err(config.fault("email.from", "the address has other characters than ASCII"));
        }
        let url = config.reveal("email.smtp", &email.smtp)?;
        let server =
            Server::read(&url, from.email.domain()).map_err(|why| config.fault("email.smtp", why))?;
        let mut people = BTreeMap::new();
        for (person, place) in &email.people {
            let fault = |why: String| config.fault(&format!("email.people.{person}"), why);
            let person = ActorId::new(person).map_err(|error| fault(error.to_string()))?;
            let place = address(place).ok_or_else(|| fault("this is no mail address in ASCII".to_owned()))?;
            people.insert(person, place);
        }
        Ok(Self {
            engine,
            base: base.to_owned(),
            server,
            from,
            people,
        })
    }
}

#[async_trait]
impl Channel for Emails {
    fn reaches(&self, place: &str) -> bool {
        address(place).is_some()
    }

    fn tells(&self, notice: NoticeKind) -> bool {
        notice != NoticeKind::Closed
    }

    /// Nobody wants a mail for each of several approvals.
    fn tells_steps(&self) -> bool {
        false
    }

    async fn of_person(&self, person: &ActorId) -> Result<Vec<String>, Error> {
        let place = self.people.get(person);
        Ok(place.map(|it| format!("mailto:{it}")).into_iter().collect())
    }

    async fn carry(&self, delivery: &Delivery) -> Result<(), Fault> {
        let (_, place) = delivery.kept.to.split_once(':').unwrap_or_default();
        let to = address(place).ok_or_else(|| Fault::never("this is no mail address"))?;
        let call = self
            .engine
            .desk()
            .call(delivery.call())
            .await
            .map_err(Fault::later)?;
        // A mail lies there for as long as it is not read: nobody is asked for what is not asked any more.
        let stands = call
            .requirements()
            .iter()
            .any(|it| it.id == delivery.kept.requirement);
        let asks = matches!(
            delivery.kept.notice,
            NoticeKind::Asked | NoticeKind::Warned | NoticeKind::Escalated
        );
        if asks && !stands {
            return Ok(());
        }
        let letter = Letter {
            delivery,
            call: &call,
            base: &self.base,
            now: self.engine.now(),
        };
        let mail = letter
            .message(&self.from, Mailbox::new(None, to.clone()))
            .map_err(Fault::never)?;
        self.server
            .send(self.from.email.clone(), to, &mail.formatted())
            .await
    }
}

/// An address that every server takes.
fn address(place: &str) -> Option<Address> {
    place
        .parse()
        .ok()
        .filter(|it: &Address| it.to_string().is_ascii())
}
