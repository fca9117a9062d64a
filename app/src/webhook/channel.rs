//! Carries notices to web hooks.

use std::collections::BTreeMap;

use async_trait::async_trait;
use countersign::{ActorId, Call, Engine, Identity, RequirementKind};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, Response, StatusCode, Url};

use super::Keys;
use super::body::Body;
use super::signature::Signed;
use crate::config::Config;
use crate::failure::Failure;
use crate::outbox::{Channel, Delivery, Fault};
use crate::outside::{Outside, Reach, reason, retry_after};
use crate::requirement;

/// The web hooks of the configuration, by name.
pub(crate) struct Webhooks {
    engine: Engine,
    /// How people reach the console.
    base: String,
    receivers: BTreeMap<String, Receiver>,
}

struct Receiver {
    url: Url,
    keys: Keys,
    outside: Outside,
    report_as: Option<ActorId>,
}

impl Webhooks {
    /// Those that are configured, each of them checked as far as its text goes.
    pub(crate) fn new(engine: Engine, config: &Config, base: &str) -> Result<Self, Failure> {
        let mut receivers = BTreeMap::new();
        for (name, hook) in &config.webhooks {
            let place = |field: &str| format!("webhooks.{name}.{field}");
            let url: Url = hook
                .url
                .parse()
                .map_err(|error| config.fault(&place("url"), error))?;
            let reach = if hook.allow_private {
                Reach::Anywhere
            } else {
                Reach::Public
            };
            let outside = Outside::new(reach).map_err(Failure::new)?;
            outside.may_ask(&url).map_err(|why| {
                config.fault(&place("url"), format!("{why}; `allow_private = true` allows it"))
            })?;
            let keys = hook.keys(name, config)?;
            let report_as = hook.report_as.clone();
            receivers.insert(
                name.clone(),
                Receiver {
                    url,
                    keys,
                    outside,
                    report_as,
                },
            );
        }
        Ok(Self {
            engine,
            base: base.to_owned(),
            receivers,
        })
    }
}

impl Webhooks {
    /// What lets the receiver report the result that this notice asks for: the same in all notices of one requirement.
    /// None if nothing is to be reported, or not by the receiver.
    async fn token(
        &self,
        receiver: &Receiver,
        delivery: &Delivery,
        call: &Call,
    ) -> Result<Option<String>, Fault> {
        let (on, to) = (delivery.kept.requirement, &delivery.kept.to);
        let asked = requirement::find(call, on).is_some_and(|it| it.kind == RequirementKind::External);
        let Some(reporter) = receiver.report_as.clone().filter(|_| asked) else {
            return Ok(None);
        };
        let token = receiver.keys.derive(&format!("{on} {to}"));
        let by = Identity::authenticated(reporter, format!("outbox {to}"));
        let issued = self.engine.desk().register_token(*call.id(), &by, &token).await;
        match issued.map_err(Fault::later)? {
            Ok(()) => Ok(Some(token)),
            // It hears that it is asked all the same.
            Err(refusal) => {
                tracing::warn!(%to, call = %call.id(), %refusal, "a web hook is not told where to report");
                Ok(None)
            }
        }
    }
}

#[async_trait]
impl Channel for Webhooks {
    fn reaches(&self, place: &str) -> bool {
        self.receivers.contains_key(place)
    }

    async fn carry(&self, delivery: &Delivery) -> Result<(), Fault> {
        let (_, name) = delivery.kept.to.split_once(':').unwrap_or_default();
        let receiver = self
            .receivers
            .get(name)
            .ok_or_else(|| Fault::later("it is not configured here"))?;
        let call = self
            .engine
            .desk()
            .call(delivery.call())
            .await
            .map_err(Fault::later)?;
        let token = self.token(receiver, delivery, &call).await?;
        let body = serde_json::to_vec(&Body::new(delivery, &call, &self.base, token.as_deref()));
        let body = body.map_err(Fault::never)?;
        let signed = Signed {
            id: &delivery.id,
            timestamp: self.engine.now().millis() / 1000,
            body: &body,
        };
        let request = receiver
            .outside
            .request(Method::POST, &receiver.url)
            .map_err(Fault::later)?;
        let request = request
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", signed.id)
            .header("webhook-timestamp", signed.timestamp)
            .header("webhook-signature", receiver.keys.sign(&signed));
        let answer = request.body(body).send().await;
        judged(&answer.map_err(|error| Fault::down(reason(&error)))?)
    }
}

/// Standard Webhooks: 2xx is an acknowledgement, 410 asks for no more, everything else is tried again.
fn judged(answer: &Response) -> Result<(), Fault> {
    let status = answer.status();
    let why = format!("it answered {status}");
    if status.is_success() {
        return Ok(());
    }
    if status == StatusCode::GONE {
        return Err(Fault::Never { why });
    }
    let after = retry_after(answer);
    // What a receiver says of itself, or a proxy of it, holds for all notices; anything else may be about this one.
    Err(match status {
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => Fault::Down { why, after },
        _ => Fault::Later { why, after },
    })
}
