//! Addresses of the net: e-mail and IP.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::super::pattern::pattern;
use super::Context;

static EMAIL: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"[\p{L}\p{N}._%+'\-]+(?:@|%40)(?:[\p{L}\p{N}](?:[\p{L}\p{N}\-]*[\p{L}\p{N}])?\.)+[\p{L}\p{N}\-]*\p{L}",
    )
});
/// `jane [at] example [dot] com`, for those who hide from robots.
static EMAIL_SPELLED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)[\p{L}\p{N}._+\-]+ ?[\[({] ?at ?[\])}] ?[\p{L}\p{N}\-]+(?: ?(?:[\[({] ?dot ?[\])}]|\.) ?[\p{L}\p{N}\-]+)+",
    )
});
static V4: LazyLock<Regex> = LazyLock::new(|| pattern(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?:/[0-9]{1,2})?"));
static V6: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?i-u)[0-9a-f]{0,4}:[0-9a-f:]*:[0-9a-f:.]*(?:%[0-9a-z]+)?(?:/[0-9]{1,3})?"));
/// What four numbers with dots are where they are no address.
static VERSION: LazyLock<Context> = LazyLock::new(|| {
    Context::new(r"(?i)(?:\bv|\b(?:version|release|build|firmware|section|chapter)\W{1,3})$")
});

/// Addresses of people: what stands around an `@`, also percent-encoded or spelled out.
pub(super) fn emails(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    if text.contains('@') || text.contains("%40") {
        found.extend(EMAIL.find_iter(text).map(|it| it.range()));
    }
    if text.contains(['[', '(', '{']) {
        found.extend(EMAIL_SPELLED.find_iter(text).map(|it| it.range()));
    }
    found
}

/// Addresses of machines. The machine itself (loopback) and "any" are nobody's.
pub(super) fn ips(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for candidate in V4.find_iter(text) {
        let range = candidate.range();
        let address = candidate.as_str().split('/').next().unwrap_or_default();
        let apart = !digit_or_linked(text[..range.start].chars().rev(), '.')
            && !digit_or_linked(text[range.end..].chars(), '.');
        let means_somebody = address
            .parse()
            .is_ok_and(|it: Ipv4Addr| !it.is_loopback() && !it.is_unspecified());
        if apart && means_somebody && !VERSION.before(text, range.start) {
            found.push(range);
        }
    }
    for candidate in V6.find_iter(text) {
        // A colon or dot at the end belongs to the sentence.
        let said = candidate.as_str().trim_end_matches('.');
        let said = if said.ends_with("::") {
            said
        } else {
            said.trim_end_matches(':')
        };
        let range = candidate.start()..candidate.start() + said.len();
        let address = said.split(['/', '%']).next().unwrap_or_default();
        let apart = !digit_or_linked(text[..range.start].chars().rev(), ':')
            && !digit_or_linked(text[range.end..].chars(), ':');
        let means_somebody = address
            .parse()
            .is_ok_and(|it: Ipv6Addr| !it.is_loopback() && !it.is_unspecified());
        // `fe::add` is a path in a program more often than an address.
        let has_digit = address.bytes().any(|it| it.is_ascii_digit());
        if apart && means_somebody && has_digit {
            found.push(range);
        }
    }
    found
}

/// Whether the next sign continues a word, or is this link with a word or digit behind it.
fn digit_or_linked(mut signs: impl Iterator<Item = char>, link: char) -> bool {
    match signs.next() {
        Some(sign) if sign == link => signs.next().is_some_and(char::is_alphanumeric),
        Some(sign) => sign.is_alphanumeric() || sign == '_',
        None => false,
    }
}
