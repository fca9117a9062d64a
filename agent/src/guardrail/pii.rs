//! Personal data and secrets: found, and masked or blocked.
//!
//! It finds what has a shape or a checksum, or is named by the words around it. It does not find people by their
//! names. Masks are one-way: what was there is kept nowhere.

mod address;
mod fold;
mod kind;
mod number;
mod phone;
mod secret;

use std::borrow::Cow;
use std::ops::Range;

use async_trait::async_trait;
use regex::Regex;

pub use self::kind::PiiKind;
use super::json;
use super::pattern::pattern;
use crate::hook::{Hook, HookError, Place, Seen, Verdict};

/// How often a text is looked at again after masking. Twice is enough for all that we know.
const ROUNDS: usize = 4;

/// Where something was found. What was found is not kept.
///
/// ```
/// use countersign_agent::guardrail::{PiiGuardrail, PiiKind};
///
/// let text = "Write to jane@example.com.";
/// let found = PiiGuardrail::mask().find(text);
/// assert_eq!(found[0].kind, PiiKind::Email);
/// assert_eq!(&text[found[0].range.clone()], "jane@example.com");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// What it is.
    pub kind: PiiKind,
    /// Where it stands, in bytes.
    pub range: Range<usize>,
}

/// Why a pattern of one's own was not taken.
///
/// ```
/// use countersign_agent::guardrail::PiiGuardrail;
///
/// let error = PiiGuardrail::mask().custom("badge", "B-[0-9{6}").err().unwrap();
/// assert!(error.to_string().starts_with("the pattern `badge` is no regular expression: "));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PatternError {
    /// It cannot be compiled.
    #[error("the pattern `{name}` is no regular expression: {why}")]
    Invalid {
        /// Its name.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// Masks are made of the name.
    #[error(
        "`{0}` is no name for a pattern; use up to 32 lowercase letters, digits and `-`, starting with a letter"
    )]
    Name(String),
}

/// Masks personal data and secrets, or blocks texts that hold them.
///
/// At [`Place::Arguments`] and [`Place::Result`] it looks inside the strings (and whole numbers) of the JSON text
/// and takes the key of a value as a word before it; the text stays JSON. A number that is masked becomes a string.
///
/// ```
/// use countersign_agent::guardrail::{PiiGuardrail, PiiKind};
/// use countersign_agent::{Hook, Place, Seen, Verdict};
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let guardrail = PiiGuardrail::mask().custom("badge", r"B-\d{6}")?;
/// let seen = Seen::new(Place::Input, "I am jane@example.com, badge B-123456, card 4111 1111 1111 1111.");
/// let masked = "I am [e-mail], badge [badge], card [card].";
/// assert_eq!(guardrail.look(&seen).await?, Verdict::Rewrite(masked.to_owned()));
///
/// let seen = Seen::new(Place::Result, r#"{"phone":"467 3395","id":"467 3395"}"#);
/// let Verdict::Block { reason, masked } = PiiGuardrail::block().look(&seen).await? else { panic!() };
/// assert_eq!(reason, "it holds what must not pass: phone");
/// assert_eq!(masked.as_deref(), Some(r#"{"phone":"[phone]","id":"467 3395"}"#));
///
/// let cards_only = PiiGuardrail::mask().only([PiiKind::Card]);
/// assert!(cards_only.masked("jane@example.com").is_none());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct PiiGuardrail {
    kinds: Vec<PiiKind>,
    custom: Vec<(PiiKind, Regex)>,
    blocks: bool,
}

impl PiiGuardrail {
    /// Puts a mask in the place of everything it finds.
    pub fn mask() -> Self {
        Self {
            kinds: PiiKind::ALL.into(),
            custom: Vec::new(),
            blocks: false,
        }
    }

    /// Blocks a text in which it finds something. What is stored of it is masked.
    pub fn block() -> Self {
        Self {
            blocks: true,
            ..Self::mask()
        }
    }

    /// Only these kinds; patterns of one's own are always looked for.
    #[must_use]
    pub fn only(mut self, kinds: impl IntoIterator<Item = PiiKind>) -> Self {
        let wanted: Vec<PiiKind> = kinds.into_iter().collect();
        self.kinds = PiiKind::ALL
            .into_iter()
            .filter(|it| wanted.contains(it))
            .collect();
        self
    }

    /// All but these kinds.
    #[must_use]
    pub fn except(mut self, kinds: impl IntoIterator<Item = PiiKind>) -> Self {
        let unwanted: Vec<PiiKind> = kinds.into_iter().collect();
        self.kinds.retain(|it| !unwanted.contains(it));
        self
    }

    /// Also what this regular expression (of the `regex` crate) matches. Its mask is `[name]`.
    ///
    /// # Errors
    ///
    /// If it cannot be compiled, or its name cannot stand in a mask.
    pub fn custom(mut self, name: &str, expression: &str) -> Result<Self, PatternError> {
        let is_name = (1..=32).contains(&name.len())
            && name.starts_with(|it: char| it.is_ascii_lowercase())
            && name
                .bytes()
                .all(|it| matches!(it, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        if !is_name {
            return Err(PatternError::Name(name.to_owned()));
        }
        let compiled = Regex::new(expression).map_err(|why| PatternError::Invalid {
            name: name.to_owned(),
            why: why.to_string(),
        })?;
        self.custom.push((PiiKind::Custom(name.into()), compiled));
        Ok(self)
    }

    /// Everything in this text, in order, without overlaps.
    pub fn find(&self, text: &str) -> Vec<Finding> {
        let folded = fold::folded(text);
        let mut found = Vec::new();
        for (kind, expression) in &self.custom {
            add(
                &mut found,
                kind,
                expression.find_iter(text).map(|it| it.range()).collect(),
            );
        }
        for kind in &self.kinds {
            let ranges = match kind {
                PiiKind::Secret => secret::secrets(&folded.text),
                PiiKind::Email => address::emails(&folded.text),
                PiiKind::Iban => number::ibans(&folded.text),
                PiiKind::Card => number::cards(&folded.text),
                PiiKind::Ip => address::ips(&folded.text),
                PiiKind::Ssn => number::ssns(&folded.text),
                PiiKind::Phone => phone::phones(&folded.text),
                PiiKind::Custom(_) => Vec::new(),
            };
            add(
                &mut found,
                kind,
                ranges.into_iter().map(|it| folded.original(it)).collect(),
            );
        }
        found.retain(|it| !it.range.is_empty());
        joined(found)
    }

    /// The text with masks in the place of everything in it; none if there is nothing.
    pub fn masked(&self, text: &str) -> Option<String> {
        self.masked_under("", text).map(|(masked, _)| masked)
    }

    /// JSON text with masks in the place of everything in its strings and whole numbers; none if there is nothing
    /// or it is no JSON.
    pub fn masked_json(&self, text: &str) -> Option<String> {
        self.json_masked(text).map(|(masked, _)| masked)
    }

    fn json_masked(&self, text: &str) -> Option<(String, Vec<PiiKind>)> {
        let mut kinds = Vec::new();
        let masked = json::rewritten(text, |leaf| {
            let (masked, found) = self.leaf_masked(leaf)?;
            kinds.extend(found);
            Some(masked)
        })?;
        Some((masked, kinds))
    }

    fn leaf_masked(&self, leaf: &json::Leaf<'_>) -> Option<(String, Vec<PiiKind>)> {
        let is_secret = self.kinds.contains(&PiiKind::Secret)
            && !leaf.is_key
            && secret::names(leaf.key)
            && secret::may_be_value(leaf.text);
        if is_secret {
            return Some((PiiKind::Secret.mask().into_owned(), vec![PiiKind::Secret]));
        }
        self.masked_under(leaf.key, leaf.text)
    }

    /// Masks a text that stands under a key: what the key says counts as said before it.
    fn masked_under(&self, key: &str, text: &str) -> Option<(String, Vec<PiiKind>)> {
        // `home_phone` and `homePhone` are words as well.
        let before = if key.is_empty() {
            String::new()
        } else {
            format!("{}: ", spaced(key))
        };
        let mut text = Cow::Borrowed(text);
        let mut kinds = Vec::new();
        for _ in 0..ROUNDS {
            let whole = format!("{before}{text}");
            let found = self.find(&whole);
            let mut masked = String::with_capacity(text.len());
            let mut from = before.len();
            for it in found.iter().filter(|it| it.range.end > before.len()) {
                masked.push_str(&whole[from..it.range.start.max(from)]);
                masked.push_str(&it.kind.mask());
                from = it.range.end;
                kinds.push(it.kind.clone());
            }
            if from == before.len() {
                break;
            }
            masked.push_str(&whole[from..]);
            text = Cow::Owned(masked);
        }
        match text {
            Cow::Borrowed(_) => None,
            Cow::Owned(masked) => Some((masked, kinds)),
        }
    }
}

#[async_trait]
impl Hook for PiiGuardrail {
    fn name(&self) -> &'static str {
        "pii"
    }

    async fn look(&self, seen: &Seen<'_>) -> Result<Verdict, HookError> {
        let is_json = matches!(seen.place, Place::Arguments | Place::Result) && json::is_json(seen.text);
        let masked = if is_json {
            self.json_masked(seen.text)
        } else {
            self.masked_under("", seen.text)
        };
        let Some((masked, mut kinds)) = masked else {
            return Ok(Verdict::Pass);
        };
        if !self.blocks {
            return Ok(Verdict::Rewrite(masked));
        }
        kinds.sort();
        kinds.dedup();
        let kinds: Vec<&str> = kinds.iter().map(PiiKind::as_str).collect();
        Ok(Verdict::Block {
            reason: format!("it holds what must not pass: {}", kinds.join(", ")),
            masked: Some(masked),
        })
    }
}

/// Words before a place that say what follows.
struct Context(Regex);

impl Context {
    /// An expression that ends in `$`, for the place.
    fn new(source: &str) -> Self {
        Self(pattern(source))
    }

    /// Whether the words before this place say so.
    fn before(&self, text: &str, at: usize) -> bool {
        /// How far back words count, in bytes.
        const REACH: usize = 80;
        let from = text.floor_char_boundary(at.saturating_sub(REACH));
        self.0.is_match(&text[from..at])
    }
}

/// Whether no letter, digit or underscore touches this.
fn alone(text: &str, range: &Range<usize>) -> bool {
    let touches = |it: Option<char>| it.is_some_and(|it| it.is_alphanumeric() || it == '_');
    !touches(text[..range.start].chars().next_back()) && !touches(text[range.end..].chars().next())
}

/// A key as words: `homePhone` and `home_phone` become `home phone`.
fn spaced(key: &str) -> String {
    /// No more of a key is read; words that count are shorter.
    const MOST: usize = 64;
    let mut words = String::new();
    let mut was_lower = false;
    for sign in key.chars().take(MOST) {
        if sign.is_uppercase() && was_lower {
            words.push(' ');
        }
        was_lower = sign.is_lowercase();
        words.push(if sign == '_' { ' ' } else { sign });
    }
    words
}

fn add(found: &mut Vec<Finding>, kind: &PiiKind, ranges: Vec<Range<usize>>) {
    found.extend(ranges.into_iter().map(|range| Finding {
        kind: kind.clone(),
        range,
    }));
}

/// In order, with those that overlap made one, of the kind that was looked for first.
fn joined(found: Vec<Finding>) -> Vec<Finding> {
    let mut ranked: Vec<(usize, Finding)> = found.into_iter().enumerate().collect();
    ranked.sort_by_key(|(rank, it)| (it.range.start, *rank));
    let mut joined: Vec<(usize, Finding)> = Vec::with_capacity(ranked.len());
    for (rank, it) in ranked {
        match joined.last_mut() {
            Some((best, last)) if it.range.start < last.range.end => {
                last.range.end = last.range.end.max(it.range.end);
                if rank < *best {
                    *best = rank;
                    last.kind = it.kind;
                }
            }
            _ => joined.push((rank, it)),
        }
    }
    joined.into_iter().map(|(_, it)| it).collect()
}
