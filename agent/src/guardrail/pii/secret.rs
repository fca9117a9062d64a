//! Keys, tokens and passwords: by the shapes that their issuers gave them, else by the name they are given to.

use std::ops::Range;
use std::sync::LazyLock;

use regex::{Regex, RegexSet};

use super::super::pattern::pattern;
use super::alone;

/// What issuers documented or what their keys plainly look like. Shapes alone decide; nothing is looked up.
const SHAPES: [&str; 44] = [
    // Amazon, Google, Microsoft.
    r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}",
    r"AIza[0-9A-Za-z_\-]{35}",
    r"GOCSPX-[0-9A-Za-z_\-]{20,}",
    r"ya29\.[0-9A-Za-z_\-]{20,}",
    r"AccountKey=[0-9A-Za-z+/]{40,}={0,2}",
    // Models.
    r"sk-[A-Za-z0-9_\-]{20,}",
    r"(?:gsk|xai|pplx|csk|fw|r8|hf|nvapi)[_\-][A-Za-z0-9_\-]{20,}",
    // Code.
    r"gh[pousr]_[A-Za-z0-9]{30,}",
    r"github_pat_[A-Za-z0-9_]{22,}",
    r"(?:glpat|gldt|glrt|glptt|glcbt|glft)-[A-Za-z0-9_\-]{20,}",
    r"npm_[A-Za-z0-9]{30,}",
    r"pypi-[A-Za-z0-9_\-]{40,}",
    r"rubygems_[a-f0-9]{40,}",
    r"dckr_(?:pat|oat)_[A-Za-z0-9_\-]{20,}",
    r"cio[A-Za-z0-9]{32}",
    r"ATATT3[A-Za-z0-9_\-=]{40,}",
    r"ATBB[A-Za-z0-9]{28,}",
    r"(?:lin_api|lin_oauth)_[A-Za-z0-9]{30,}",
    r"(?:ntn|secret)_[A-Za-z0-9]{40,}",
    r"figd_[A-Za-z0-9_\-]{30,}",
    r"PMAK-[a-f0-9]{24}-[a-f0-9]{30,}",
    // Talk.
    r"xox[abeoprs]-[A-Za-z0-9\-]{10,}",
    r"xapp-[0-9]-[A-Za-z0-9\-]{20,}",
    r"https://hooks\.slack\.com/(?:services|workflows)/[A-Za-z0-9/_\-]{20,}",
    r"https://(?:[a-z]+\.)?discord(?:app)?\.com/api/webhooks/[0-9]+/[A-Za-z0-9_\-]{20,}",
    r"[0-9]{8,10}:AA[A-Za-z0-9_\-]{32,}",
    r"[MNO][A-Za-z0-9_\-]{23,}\.[A-Za-z0-9_\-]{6}\.[A-Za-z0-9_\-]{27,}",
    r"SG\.[A-Za-z0-9_\-]{16,}\.[A-Za-z0-9_\-]{16,}",
    r"(?:SK|AC)[0-9a-f]{32}",
    r"key-[0-9a-f]{32}",
    r"[0-9a-f]{32}-us[0-9]{1,2}",
    // Money.
    r"(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{16,}",
    r"whsec_[A-Za-z0-9+/=]{16,}",
    r"shp(?:at|ca|pa|ss)_[A-Fa-f0-9]{32,}",
    r"sq0(?:atp|csp|idp)-[A-Za-z0-9_\-]{22,}",
    // Machines.
    r"do[opr]_v1_[a-f0-9]{60,}",
    r"dapi[a-f0-9]{32}(?:-[0-9])?",
    r"(?:hvs|hvb|hvr)\.[A-Za-z0-9_\-]{20,}",
    r"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_\-]{50,}",
    r"(?:NRAK|NRJS|NRII)-[A-Za-z0-9_\-]{20,}",
    r"(?:glsa|glc|sntrys|sntryu|sbp|pscale_tkn|pscale_pw|tskey-auth|tskey-api|dp\.pt|dp\.st|HRKU|fo1|phc|phx)[_.\-][A-Za-z0-9_\-=.]{20,}",
    r"AGE-SECRET-KEY-1[0-9A-Z]{50,}",
    // A signed token.
    r"ey[JI][A-Za-z0-9_\-]{8,}\.ey[JI][A-Za-z0-9_\-]{8,}(?:\.[A-Za-z0-9_\-]*)?",
    // An encrypted one.
    r"ey[JI][A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]*\.[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{8,}",
];

static SHAPE_SET: LazyLock<Option<RegexSet>> = LazyLock::new(|| RegexSet::new(SHAPES).ok());
static SHAPE: LazyLock<Vec<Regex>> = LazyLock::new(|| SHAPES.iter().map(|it| pattern(it)).collect());
static BLOCK: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----(?:[A-Za-z0-9+/=\r\n]|\\[nr])*")
});
static BLOCK_END: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"));
/// `postgres://user:password@host`
static IN_URL: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"[A-Za-z][A-Za-z0-9+.\-]*://[^\s/:@\x22'<>]*:([^\s/@\x22'<>\[\]]+)@"));
static BEARER: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?i)\b(?:bearer|basic|token)[ :]+([A-Za-z0-9_\-.~+/]{16,}={0,2})"));
/// A name for something secret. What it is given follows.
const NAMES: &str = concat!(
    r"(?:[A-Za-z0-9]*[_.\-])*(?:pass(?:word|wd|phrase|code)?|pwd|pw|passwort|kennwort|contrase(?:ñ|n)a|mot de passe|mdp|senha|parola d'ordine|wachtwoord|has(?:ł|l)o",
    r"|secret|secret[_\- ]?key|client[_\- ]?secret|api[_\- ]?key|apikey|api[_\- ]?token|access[_\- ]?(?:key|token)|auth(?:[_\- ]?token|entication[_\- ]?token)|refresh[_\- ]?token|session[_\- ]?token|bearer[_\- ]?token|token|private[_\- ]?key|signing[_\- ]?key|encryption[_\- ]?key|master[_\- ]?key|credentials?|pin)"
);
static GIVEN: LazyLock<Regex> = LazyLock::new(|| {
    let value = r#"(?:"([^"\n]{4,})"|'([^'\n]{4,})'|([^\s"'<>,;\[\]{}()]{4,}))"#;
    pattern(&format!(
        r#"(?i)\b({NAMES})["']?(?:\s{{0,3}}(=>|:=|==?|:)\s{{0,3}}|\s(is|ist|lautet|est|es|è|é)\s{{1,2}}:?){value}"#
    ))
});
static NAME: LazyLock<Regex> = LazyLock::new(|| pattern(&format!(r"(?i)^{NAMES}$")));
/// What stands where a secret would, and is none.
static NO_VALUE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)^(?:null|none|nil|true|false|undefined|string|number|boolean|required|optional|redacted|hidden|masked|empty|changed?|change_?me|example|placeholder|your[_\-a-z]*|xxx+|\*+|\.{3,}|x+|-+|\$\{?[a-z_][a-z0-9_.]*\}?|%[a-z_]+%|process\.env\.[a-z_]+|os\.environ.*|env\.[a-z_]+|std::env::.*|secrets?\.[a-z_.]+|&.*|[a-z_]+(?:::[a-z_]+)+.*)[.,;!?]*$",
    )
});

/// Everything secret in a text.
pub(super) fn secrets(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    // One pass says which shapes are there at all; most texts have none.
    let shapes = SHAPE_SET.as_ref().map(|it| it.matches(text));
    for (at, shape) in SHAPE.iter().enumerate() {
        if shapes.as_ref().is_none_or(|it| it.matched(at)) {
            let candidates = shape.find_iter(text).map(|it| it.range());
            found.extend(candidates.filter(|it| starts(text, it)));
        }
    }
    if text.contains("PRIVATE KEY") {
        found.extend(blocks(text));
    }
    for (pattern, here) in [(&IN_URL, text.contains("://")), (&BEARER, true)] {
        if here {
            let values = pattern.captures_iter(text).filter_map(|it| it.get(1));
            found.extend(
                values
                    .filter(|it| {
                        it.as_str().bytes().any(|it| it.is_ascii_digit())
                            || here && it.len() > 3 && !NO_VALUE.is_match(it.as_str())
                    })
                    .map(|it| it.range()),
            );
        }
    }
    found.extend(given(text));
    found
}

/// Private keys, to the end of their block or, if that was cut off, of their lines.
fn blocks(text: &str) -> Vec<Range<usize>> {
    /// No block is longer.
    const LONGEST: usize = 16 << 10;
    let blocks = BLOCK.find_iter(text).map(|block| {
        let reach = text.floor_char_boundary(text.len().min(block.start() + LONGEST));
        let end = BLOCK_END.find_at(&text[..reach], block.end().min(reach));
        block.start()..end.map_or(block.end(), |it| it.end())
    });
    blocks.collect()
}

/// Whether this names something secret: the key of a field, say.
pub(super) fn names(key: &str) -> bool {
    NAME.is_match(key.trim())
}

/// Whether this can be the value of something secret, where its name says so.
pub(super) fn may_be_value(text: &str) -> bool {
    text.len() >= 4 && !text.starts_with('[') && !NO_VALUE.is_match(text)
}

/// What is given to a name: `password = …`, `API key: …`, "the password is …".
fn given(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for assignment in GIVEN.captures_iter(text) {
        let name = assignment.get(1).map_or("", |it| it.as_str()).to_lowercase();
        let quoted = assignment.get(4).or_else(|| assignment.get(5));
        let Some(value) = quoted.or_else(|| assignment.get(6)) else {
            continue;
        };
        let said = value.as_str().trim_end_matches(['.', ',', '!', '?']);
        let is_password = [
            "pass",
            "pwd",
            "pw",
            "kennwort",
            "contrase",
            "mdp",
            "senha",
            "parola",
            "wachtwoord",
            "has",
        ]
        .iter()
        .any(|it| name.contains(it));
        // In a sentence ("the password is wrong") a word is a word; in an assignment it is what was assigned.
        let is_secret = match (assignment.get(3).is_some(), is_password) {
            (true, _) => looks_random(said),
            (false, true) => true,
            (false, false) => {
                said.len() >= 8 && looks_random(said)
                    || name.ends_with("pin") && said.bytes().all(|it| it.is_ascii_digit())
            }
        };
        if is_secret && may_be_value(said) {
            found.push(value.start()..value.start() + said.len());
        }
    }
    found
}

/// Whether people would not write this as a word: a digit, or a capital or sign inside, or many different letters.
fn looks_random(text: &str) -> bool {
    let has = |wanted: fn(&u8) -> bool| text.bytes().any(|it| wanted(&it));
    let inside = text.get(1..).unwrap_or_default();
    let classes = [
        has(u8::is_ascii_lowercase),
        has(u8::is_ascii_uppercase) && inside.bytes().any(|it| it.is_ascii_uppercase()),
        has(u8::is_ascii_digit),
        has(|it| b"!@#$%^&*+=~?".contains(it)),
    ];
    classes.iter().filter(|it| **it).count() >= 2 || text.len() >= 20 && entropy(text) > 3.5
}

/// Bits per byte, by Shannon.
#[expect(clippy::cast_precision_loss, reason = "lengths of texts are far below 2^52")]
fn entropy(text: &str) -> f64 {
    let mut counts = [0_usize; 256];
    for byte in text.bytes() {
        counts[usize::from(byte)] += 1;
    }
    let length = text.len().max(1) as f64;
    counts
        .iter()
        .filter(|it| **it > 0)
        .map(|it| *it as f64 / length)
        .map(|share| -share * share.log2())
        .sum()
}

/// Whether a shape starts here, not inside of a word.
fn starts(text: &str, range: &Range<usize>) -> bool {
    alone(text, &(range.start..text.len()))
}
