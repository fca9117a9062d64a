//! The policy: who exists, which pools they form, and rules that tighten what annotations say.
//!
//! Written in TOML, usually in `countersign.toml`. A rule can add a gate, raise a quorum or shorten a
//! time. Nothing in a policy takes a gate away: what would be looser than the annotation is refused
//! when the engine starts.
//!
//! ```toml
//! expires_in = "7d"                      # how long a gate asks that says nothing itself
//! local_decisions = false                # nobody acts on the command line by their word
//!
//! [actors]
//! alice = { kind = "person" }
//! bob   = { kind = "person", roles = ["manager"] }
//! relay = { kind = "service", roles = ["reporter"] }
//! bot   = { kind = "agent", owner = "alice" }
//!
//! [pools]
//! managers = { roles = ["manager"], actors = ["erin"] }
//!
//! [pools.finance]
//! roles = ["finance"]
//! counted = false                        # its members are known when they sign in: whether there are
//!                                        # enough is not checked in advance
//! notify = ["slack:#finance"]            # told when the pool is asked; lets nobody approve
//! escalate_after = "1d"                  # shorter than every gate of the pool asks
//! escalate_to = ["mailto:cfo@example.com"]
//!
//! [limits]
//! pending_per_run = 100                  # calls of one run that may wait for people at once
//! pending_per_requester = 1000           # calls of one requester
//!
//! [[rules]]
//! name = "production is serious"
//! tool = "restart_*"                     # a name, or a beginning with `*`
//! requires_confirmation = true
//! approvals = [{ pool = "managers", quorum = 1, expires_in = "4h" }]
//! audit = true
//! expires_in = "1d"                      # no gate of these tools asks longer
//!
//! [[rules]]
//! tool = "issue_refund"
//! when = ["/amount_cents >= 1000000", '/currency != "EUR"']    # both must hold
//! approvals = [{ pool = "managers", quorum = 2 }]
//! ```
//!
//! A condition tests the arguments as they were sent, as JSON: `POINTER OPERATOR LITERAL` or `POINTER
//! exists`. The pointer is that of RFC 6901 and holds no spaces; operators are `==`, `!=` and, for numbers,
//! `<`, `<=`, `>`, `>=`; the literal is `null`, `true`, `false`, a number or a string. `exists` holds for
//! whatever is there and not `null`. Numbers are compared exactly, integers with all their digits.
//! Defaults of the function are not seen.
//!
//! Only persons hold roles freely: a service may be a `reporter`, an agent has none, and no pool names either. The
//! file seeds actors. An admin may change them in the store ([`Engine::set_actor`](crate::Engine::set_actor)); a file
//! with another text decides anew about those whom it names, or whom the file before named.
//!
//! What cannot be tested (nothing is there, or a value of another type) counts as holding: a rule only
//! tightens, and doubt closes the gate. A value of `#[arg(secret)]` can be tested; it is never shown.

mod actor;
mod condition;
mod pool;
mod rule;

use std::cell::LazyCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

pub use actor::{ActorEntry, Lent};
use countersign_core::actor::Kind;
use countersign_core::canonical::Canonical;
use countersign_core::digest::Digest;
use countersign_core::gate::{DEFAULT_EXPIRY, Gates, InputGate};
use countersign_core::id::{ActorId, PoolName};
use countersign_core::tool::Descriptor;
pub use pool::Pool;
use rule::{Rule, cap_expiry, spans};
use serde::{Deserialize, Serialize};

/// The policy in force: actors, pools and rules.
///
/// ```
/// use countersign::Policy;
///
/// let policy = Policy::parse(r#"
///     expires_in = "2d"
///     [actors]
///     bob = { kind = "person", roles = ["manager"] }
///     [pools]
///     managers = { roles = ["manager"] }
///     [[rules]]
///     tool = "restart_*"
///     approvals = [{ pool = "managers" }]
/// "#)?;
/// assert_eq!(policy.patience().as_secs(), 2 * 24 * 3600);
/// // A rule cannot take anything away.
/// assert!(Policy::parse("[[rules]]\ntool = \"*\"\nrequires_confirmation = false").is_err());
/// # Ok::<(), countersign::policy::PolicyError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Policy {
    text: String,
    expires_in: Option<Duration>,
    actors: BTreeMap<ActorId, ActorEntry>,
    pools: BTreeMap<PoolName, Pool>,
    rules: Vec<Rule>,
    limits: Limits,
    local_decisions: Option<bool>,
}

/// How many calls may wait for people at once. They spare people, they are no gates: more are refused.
///
/// ```
/// use countersign::Policy;
///
/// let policy = Policy::parse("[limits]\npending_per_run = 5")?;
/// assert_eq!(policy.limits().pending_per_run, 5);
/// assert_eq!(policy.limits().pending_per_requester, 1000); // unless said
/// # Ok::<(), countersign::policy::PolicyError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Of one run; 100 unless said.
    pub pending_per_run: u32,
    /// Of one requester; 1000 unless said.
    pub pending_per_requester: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            pending_per_run: 100,
            pending_per_requester: 1000,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default, with = "spans")]
    expires_in: Option<Duration>,
    #[serde(default)]
    local_decisions: Option<bool>,
    #[serde(default)]
    actors: BTreeMap<ActorId, ActorEntry>,
    #[serde(default)]
    pools: BTreeMap<PoolName, Pool>,
    #[serde(default)]
    rules: Vec<Rule>,
    #[serde(default)]
    limits: Limits,
}

/// A policy that cannot be used.
///
/// ```
/// use countersign::{Policy, policy::PolicyError};
///
/// let error = Policy::parse("[pools]\nmanagers = { actors = [\"bob\"] }").unwrap_err();
/// assert!(matches!(error, PolicyError::Refused(why) if why[0].contains("nobody knows an actor `bob`")));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// The file cannot be read.
    #[error("cannot read the policy file {path}: {source}")]
    Read {
        /// Which file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// It is not TOML, or has unknown words or values.
    #[error("the policy cannot be read: {0}")]
    Syntax(String),
    /// It contradicts itself or the annotations.
    #[error("the policy is refused: {}", .0.join("; "))]
    Refused(Vec<String>),
}

impl Policy {
    /// Reads a policy file.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse), and [`PolicyError::Read`] if the file cannot be read.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, PolicyError> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map_err(|source| PolicyError::Read {
            path: path.display().to_string(),
            source,
        })?;
        Self::parse(&text)
    }

    /// Reads a policy from text.
    ///
    /// # Errors
    ///
    /// [`PolicyError::Syntax`] for what is no TOML or has unknown words, [`PolicyError::Refused`] with everything
    /// that contradicts itself. Whether it fits the tools is checked when the engine starts.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let file: File = toml::from_str(text).map_err(|error| PolicyError::Syntax(error.to_string()))?;
        let policy = Self {
            text: text.to_owned(),
            expires_in: file.expires_in,
            actors: file.actors,
            pools: file.pools,
            rules: file.rules,
            limits: file.limits,
            local_decisions: file.local_decisions,
        };
        let errors = policy.contradictions();
        if errors.is_empty() {
            Ok(policy)
        } else {
            Err(PolicyError::Refused(errors))
        }
    }

    fn contradictions(&self) -> Vec<String> {
        let mut errors = Vec::new();
        for (id, actor) in &self.actors {
            errors.extend(actor.contradictions_among(id, &self.actors));
            if actor.lent.is_some() {
                errors.push(format!(
                    "actor `{id}`: a policy lends no roles; whoever signs people in does"
                ));
            }
        }
        for (name, pool) in &self.pools {
            let unknown = pool.actors.iter().filter(|it| !self.actors.contains_key(*it));
            errors.extend(unknown.map(|it| format!("pool `{name}`: nobody knows an actor `{it}`")));
            let programs = pool.actors.iter().filter(|it| self.is_program(it));
            errors.extend(
                programs.map(|it| format!("pool `{name}`: `{it}` is no person, and only persons approve")),
            );
            errors.extend(pool.contradictions(name));
        }
        if self.limits.pending_per_run == 0 || self.limits.pending_per_requester == 0 {
            errors.push("[limits]: a limit of 0 would let nothing be asked; use at least 1".to_owned());
        }
        for rule in &self.rules {
            let name = rule.label();
            if rule.requires_confirmation == Some(false) || rule.audit == Some(false) {
                errors.push(format!(
                    "rule `{name}`: a rule only tightens; `false` would take something away"
                ));
            }
            for approval in &rule.approvals {
                if approval.quorum == 0 {
                    errors.push(format!(
                        "rule `{name}`: a quorum of 0 would let the call through; use at least 1"
                    ));
                }
                if !self.pools.contains_key(&approval.pool) {
                    errors.push(format!("rule `{name}`: there is no pool `{}`", approval.pool));
                }
            }
            if rule.demands_nothing() {
                errors.push(format!("rule `{name}` demands nothing; say what it tightens"));
            }
        }
        errors
    }

    /// Whether it is known in advance who belongs to a pool.
    pub(crate) fn counts(&self, pool: &PoolName) -> bool {
        self.pools.get(pool).is_none_or(|it| it.counted)
    }

    fn is_program(&self, id: &ActorId) -> bool {
        self.actors.get(id).is_some_and(|it| it.kind != Kind::Person)
    }

    /// What of this policy would be looser than a tool's annotation, or cannot be met at all.
    ///
    /// A rule that is looser changes nothing when it is applied; that it stands there means that
    /// somebody believes it does.
    pub(crate) fn check_tool(
        &self,
        tool: &Descriptor,
        members: &BTreeMap<PoolName, BTreeSet<ActorId>>,
    ) -> Vec<String> {
        let mut errors = Vec::new();
        for rule in self.rules_for(tool.name.as_str()) {
            errors.extend(rule.unknown_parameters(tool));
            for approval in &rule.approvals {
                for gate in tool.gates.approvals.iter().filter(|it| it.pool == approval.pool) {
                    if gate.when.is_none() && approval.quorum < gate.quorum {
                        errors.push(format!(
                            "rule `{}`: quorum {} of pool `{}` is looser than {} on `{}`",
                            rule.label(),
                            approval.quorum,
                            gate.pool,
                            gate.quorum,
                            tool.name
                        ));
                    }
                }
            }
            let asked = tool.gates.approvals.iter().filter_map(|it| it.expires_in);
            let asked = asked
                .chain(tool.gates.confirmation.iter().filter_map(|it| it.expires_in))
                .max();
            if let (Some(cap), Some(asked)) = (rule.expires_in, asked)
                && cap > asked
            {
                errors.push(format!(
                    "rule `{}`: expires_in {} is looser than {} on `{}`",
                    rule.label(),
                    humantime::format_duration(cap),
                    humantime::format_duration(asked),
                    tool.name
                ));
            }
        }
        errors.extend(self.late_escalations(tool));
        let ruled = self.rules_for(tool.name.as_str()).flat_map(|it| &it.approvals);
        let asked: BTreeSet<_> = ruled
            .map(|it| (&it.pool, it.quorum))
            .chain(tool.gates.approvals.iter().map(|it| (&it.pool, it.quorum)))
            .collect();
        for (pool, quorum) in asked {
            match members.get(pool) {
                None => errors.push(format!(
                    "`{}` needs pool `{pool}`, and the policy has none of that name; add it under [pools]",
                    tool.name
                )),
                Some(people) if self.counts(pool) && people.len() < usize::from(quorum) => errors.push(format!(
                    "`{}` needs {quorum} of pool `{pool}`, which has {} members; it could never be approved",
                    tool.name,
                    people.len()
                )),
                Some(_) => {}
            }
        }
        errors
    }

    /// The pools that would tell others when the time of a gate of this tool is over, or may be.
    fn late_escalations(&self, tool: &Descriptor) -> Vec<String> {
        let rules = || self.rules_for(tool.name.as_str());
        let declared = tool.gates.approvals.iter().map(|it| (&it.pool, it.expires_in));
        let demanded = rules().flat_map(|it| &it.approvals);
        let demanded = demanded.map(|it| (&it.pool, it.expires_in));
        let cap = rules().filter_map(|it| it.expires_in).min();
        let late = declared.chain(demanded).filter_map(|(name, expires_in)| {
            let expires_in = expires_in.unwrap_or(self.patience());
            let shortest = cap.map_or(expires_in, |it| it.min(expires_in));
            self.pools
                .get(name)?
                .escalates_too_late(name, tool.name.as_str(), shortest)
        });
        let late: BTreeSet<String> = late.collect();
        late.into_iter().collect()
    }

    /// The text it was read from.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The digest of the text.
    pub fn digest(&self) -> Digest {
        Digest::of("countersign/policy/1", &[self.text.as_bytes()])
    }

    /// The actors that it seeds.
    pub const fn actors(&self) -> &BTreeMap<ActorId, ActorEntry> {
        &self.actors
    }

    /// The pools.
    pub const fn pools(&self) -> &BTreeMap<PoolName, Pool> {
        &self.pools
    }

    /// How many calls may wait for people at once.
    pub const fn limits(&self) -> Limits {
        self.limits
    }

    /// Whether somebody may act by the word of whoever can open the data directory, as `--as` on the command line;
    /// none if the policy does not say. Edges apply it: an [`Identity`](crate::Identity) is what they vouch for.
    ///
    /// ```
    /// use countersign::Policy;
    ///
    /// assert_eq!(Policy::parse("local_decisions = false")?.local_decisions(), Some(false));
    /// assert_eq!(Policy::parse("")?.local_decisions(), None);
    /// # Ok::<(), countersign::policy::PolicyError>(())
    /// ```
    pub const fn local_decisions(&self) -> Option<bool> {
        self.local_decisions
    }

    /// How long a gate asks that says nothing itself.
    pub fn patience(&self) -> Duration {
        self.expires_in.unwrap_or(DEFAULT_EXPIRY)
    }

    fn rules_for<'a>(&'a self, tool: &'a str) -> impl Iterator<Item = &'a Rule> {
        self.rules.iter().filter(move |it| it.fits(tool))
    }

    /// Whether any rule speaks of the tool, whatever its arguments.
    pub(crate) fn has_rules_for(&self, tool: &str) -> bool {
        self.rules_for(tool).next().is_some()
    }

    /// Whether a rule may ask somebody before the tool runs, whatever its annotation says.
    pub(crate) fn may_gate(&self, tool: &str) -> bool {
        self.rules_for(tool).any(Rule::asks)
    }

    /// Whether a rule may want a call of the tool on record.
    pub(crate) fn may_audit(&self, tool: &str) -> bool {
        self.rules_for(tool).any(|it| it.audit == Some(true))
    }

    /// Whether a rule wants this call of the tool on record.
    pub(crate) fn audits(&self, tool: &str, arguments: &Canonical) -> bool {
        let arguments = LazyCell::new(|| arguments.value());
        self.rules_for(tool)
            .any(|it| it.audit == Some(true) && it.when.applies(&arguments).is_some())
    }

    /// These gates, tightened by the rules for the tool whose conditions hold for complete arguments,
    /// and the digest of the rules that applied. `revision` is that of this policy, for the origins.
    pub(crate) fn tighten(
        &self,
        tool: &str,
        gates: &Gates,
        arguments: &Canonical,
        revision: u64,
    ) -> (Gates, Digest) {
        let arguments = LazyCell::new(|| arguments.value());
        let mut demanded = Gates::default();
        let (mut caps, mut applied) = (Vec::new(), Vec::new());
        for rule in self.rules_for(tool) {
            let Some(doubts) = rule.when.applies(&arguments) else {
                continue;
            };
            let origin = rule.origin(doubts, revision);
            demanded = demanded.tightened(&rule.gates(self.patience(), &origin));
            caps.extend(rule.expires_in.map(|cap| (cap, origin)));
            applied.push(serde_json::to_string(rule).unwrap_or_default());
        }
        let mut tightened = gates.tightened(&demanded);
        for (cap, origin) in &caps {
            cap_expiry(&mut tightened, *cap, origin);
        }
        for gate in &mut tightened.approvals {
            let after = self.pools.get(&gate.pool).and_then(|it| it.escalate_after);
            gate.escalate_after = after.filter(|it| *it < gate.expires_in);
        }
        let parts: Vec<&[u8]> = applied.iter().map(String::as_bytes).collect();
        (tightened, Digest::of("countersign/rules/1", &parts))
    }

    /// The input gate of a tool, before its arguments are complete. Only rules without a condition can
    /// shorten it; all others wait until there is something to test.
    pub(crate) fn tighten_input(&self, tool: &str, gate: InputGate, revision: u64) -> (Gates, Digest) {
        let mut gates = Gates {
            user_input: Some(gate),
            ..Gates::default()
        };
        for rule in self.rules_for(tool).filter(|it| it.when.is_always()) {
            if let Some(cap) = rule.expires_in {
                cap_expiry(&mut gates, cap, &rule.origin(Vec::new(), revision));
            }
        }
        (gates, Digest::of("countersign/rules/1", &[]))
    }
}

#[cfg(test)]
mod tests;
