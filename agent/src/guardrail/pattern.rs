//! The one place where expressions of ours are compiled.

use regex::{Regex, RegexBuilder};

/// Compiles an expression of ours. One that is wrong is found by the first test that uses it.
pub(super) fn pattern(source: &str) -> Regex {
    // Word boundaries of ASCII: those of Unicode cost the fast engine on every text that is not ASCII.
    RegexBuilder::new(&source.replace(r"\b", r"(?-u:\b)"))
        .size_limit(64 << 20)
        .build()
        .unwrap_or_else(|error| panic!("a built-in pattern is wrong: {error}"))
}
