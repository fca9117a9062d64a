//! A rule of the policy: for which tool, for which arguments, and what it demands.

use std::time::Duration;

use countersign_core::gate::{ApprovalGate, ConfirmationGate, Gates, Origin};
use countersign_core::id::PoolName;
use countersign_core::tool::Descriptor;
use serde::{Deserialize, Serialize};

use super::condition::When;

/// A rule that tightens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rule {
    #[serde(default)]
    pub(super) name: Option<String>,
    pub(super) tool: String,
    #[serde(default, skip_serializing_if = "When::is_always")]
    pub(super) when: When,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) requires_confirmation: Option<bool>,
    #[serde(default)]
    pub(super) approvals: Vec<RuleApproval>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) audit: Option<bool>,
    #[serde(default, with = "spans", skip_serializing_if = "Option::is_none")]
    pub(super) expires_in: Option<Duration>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleApproval {
    pub(super) pool: PoolName,
    #[serde(default = "one")]
    pub(super) quorum: u16,
    #[serde(default, with = "spans", skip_serializing_if = "Option::is_none")]
    pub(super) expires_in: Option<Duration>,
}

const fn one() -> u16 {
    1
}

/// `"48h"` in the file, a [`Duration`] in the program.
pub(super) mod spans {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    #[expect(clippy::ref_option, reason = "`#[serde(with)]` passes the field by reference")]
    pub(crate) fn serialize<S: Serializer>(
        span: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match span {
            Some(span) => serializer.collect_str(&humantime::format_duration(*span)),
            None => serializer.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        let text = String::deserialize(deserializer)?;
        let span = humantime::parse_duration(&text).map_err(|error| {
            serde::de::Error::custom(format!("`{text}` is no time span such as 48h: {error}"))
        })?;
        if span.as_millis() == 0 {
            return Err(serde::de::Error::custom(
                "a time span of nothing would never let anybody decide",
            ));
        }
        Ok(Some(span))
    }
}

impl Rule {
    pub(super) fn label(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.tool)
    }

    pub(super) fn fits(&self, tool: &str) -> bool {
        match self.tool.strip_suffix('*') {
            Some(beginning) => tool.starts_with(beginning),
            None => self.tool == tool,
        }
    }

    pub(super) const fn demands_nothing(&self) -> bool {
        self.requires_confirmation.is_none()
            && self.approvals.is_empty()
            && self.audit.is_none()
            && self.expires_in.is_none()
    }

    /// Whether it adds a gate.
    pub(super) fn asks(&self) -> bool {
        self.requires_confirmation == Some(true) || !self.approvals.is_empty()
    }

    /// Parameters that its conditions test and the tool does not have. A rule for many tools may test
    /// what only some of them have: for all others it counts as holding.
    pub(super) fn unknown_parameters(&self, tool: &Descriptor) -> Vec<String> {
        if self.tool != tool.name.as_str() {
            return Vec::new();
        }
        let tested = self.when.parameters();
        let unknown = tested.filter(|it| tool.parameters.iter().all(|known| known.name != *it));
        unknown
            .map(|it| {
                let near = tool.parameters.iter().map(|known| known.name.as_str());
                let near = near
                    .map(|known| (strsim::jaro_winkler(known, &it), known))
                    .filter(|(near, _)| *near > 0.8)
                    .max_by(|a, b| a.0.total_cmp(&b.0))
                    .map(|(_, known)| format!("; did you mean `{known}`?"));
                format!(
                    "rule `{}`: `{}` has no parameter `{it}`{}",
                    self.label(),
                    tool.name,
                    near.unwrap_or_default()
                )
            })
            .collect()
    }

    /// What is said of a gate that stands because of this rule.
    pub(super) fn origin(&self, doubts: Vec<String>, revision: u64) -> Origin {
        Origin::Rule {
            rule: self.label().to_owned(),
            when: self.when.texts(),
            doubts,
            revision,
        }
    }

    /// The gates that it demands. `expiry` is how long one asks that does not say.
    pub(super) fn gates(&self, expiry: Duration, origin: &Origin) -> Gates {
        let because = || vec![origin.clone()];
        Gates {
            confirmation: (self.requires_confirmation == Some(true)).then(|| ConfirmationGate {
                expires_in: expiry,
                because: because(),
            }),
            approvals: self
                .approvals
                .iter()
                .map(|it| ApprovalGate {
                    pool: it.pool.clone(),
                    quorum: it.quorum,
                    expires_in: it.expires_in.unwrap_or(expiry),
                    escalate_after: None,
                    because: because(),
                })
                .collect(),
            ..Gates::default()
        }
    }
}

/// Lets no gate ask longer than `cap`; those that it shortens say why.
pub(super) fn cap_expiry(gates: &mut Gates, cap: Duration, origin: &Origin) {
    let spans = gates
        .user_input
        .iter_mut()
        .map(|it| (&mut it.expires_in, &mut it.because))
        .chain(
            gates
                .confirmation
                .iter_mut()
                .map(|it| (&mut it.expires_in, &mut it.because)),
        )
        .chain(
            gates
                .approvals
                .iter_mut()
                .map(|it| (&mut it.expires_in, &mut it.because)),
        )
        .chain(
            gates
                .external
                .iter_mut()
                .map(|it| (&mut it.expires_in, &mut it.because)),
        );
    for (span, because) in spans.filter(|(span, _)| cap < **span) {
        *span = cap;
        if !because.contains(origin) {
            because.push(origin.clone());
        }
    }
}
