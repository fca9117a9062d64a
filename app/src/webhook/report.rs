//! Signatures of those who report results: a token that was overheard is worth nothing to whoever cannot sign.

use axum::http::{HeaderMap, StatusCode};
use countersign::Timestamp;

use super::Keys;
use super::signature::Signed;
use crate::config::Config;
use crate::failure::Failure;
use crate::http::problem::Problem;

/// Whose signatures a report may have. One is demanded if there are any.
#[derive(Default)]
pub(crate) struct Reports(Vec<Keys>);

impl Reports {
    /// Those that the configuration names.
    pub(crate) fn new(config: &Config) -> Result<Self, Failure> {
        let keys = config.external.signed_by.iter().map(|name| {
            let hook = config.webhooks.get(name);
            let hook = hook.ok_or_else(|| {
                config.fault("external.signed_by", format!("there is no web hook `{name}`"))
            })?;
            let keys = hook.keys(name, config)?;
            if keys.can_be_used_by_the_receiver() {
                Ok(keys)
            } else {
                let why = format!("`{name}` has no `whsec_` secret: it can verify, and not sign");
                Err(config.fault("external.signed_by", why))
            }
        });
        Ok(Self(keys.collect::<Result<_, _>>()?))
    }

    /// Whether a report must be signed.
    pub(crate) const fn demand_one(&self) -> bool {
        !self.0.is_empty()
    }

    /// Whether a report with these headers and this body may be looked at.
    pub(crate) fn admit(&self, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<(), Problem> {
        if self.0.is_empty() {
            return Ok(());
        }
        let text = |name: &str| {
            let mut all = headers.get_all(name).iter();
            let first = all.next().filter(|_| all.next().is_none())?;
            first.to_str().ok()
        };
        let signed = || {
            let signed = Signed {
                id: text("webhook-id")?,
                timestamp: text("webhook-timestamp")?.parse().ok()?,
                body,
            };
            let signatures = text("webhook-signature")?;
            let now = now.millis() / 1000;
            self.0
                .iter()
                .any(|it| it.verify(&signed, signatures, now))
                .then_some(())
        };
        signed().ok_or_else(|| {
            Problem::new(
                StatusCode::UNAUTHORIZED,
                "unsigned",
                "reports are signed here, as Standard Webhooks says: send webhook-id, webhook-timestamp (of the last \
                 five minutes) and webhook-signature",
            )
        })
    }
}
