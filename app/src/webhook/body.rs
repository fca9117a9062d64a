//! What a web hook is told.

use countersign::{Call, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};

use crate::http::wire;
use crate::outbox::Delivery;
use crate::requirement;

/// The body, as Standard Webhooks wants it: what happened, when, and about what.
#[derive(Serialize)]
pub(super) struct Body {
    /// `requirement.asked` and so on.
    #[serde(rename = "type")]
    kind: String,
    timestamp: Timestamp,
    data: Data,
}

#[derive(Serialize)]
struct Data {
    /// The number of the audit entry at which it was found out: of two notices, the one with the greater is newer.
    seq: u64,
    /// The id of the requirement.
    requirement: String,
    call: Value,
    /// What is asked now, as the API tells it; null once it is not asked any more.
    asked: Option<wire::Requirement>,
    /// Where people look at it.
    link: String,
    /// Where the result of an external call is reported; the path lets whoever has it report, and is the same each time.
    #[serde(skip_serializing_if = "Option::is_none")]
    report_url: Option<String>,
}

impl Body {
    pub(super) fn new(delivery: &Delivery, call: &Call, base: &str, token: Option<&str>) -> Self {
        let asked = requirement::find(call, delivery.kept.requirement);
        Self {
            kind: format!("requirement.{}", delivery.kept.notice.as_str()),
            timestamp: delivery.kept.found_at,
            data: Data {
                seq: delivery.kept.seq,
                requirement: delivery.kept.requirement.to_string(),
                call: json!({
                    "id": call.id(),
                    "run": call.run(),
                    "tool": call.tool(),
                    "requester": call.requester(),
                    "agent": call.agent().as_ref().map(|it| &it.id),
                    "phase": call.phase().name(),
                }),
                asked: asked.map(|it| wire::Requirement::new(it, false)),
                link: format!("{base}/calls/{}", call.id()),
                report_url: token.map(|it| format!("{base}/v1/external/{}.{it}", call.id())),
            },
        }
    }
}
