//! Values given on the command line: JSON, `@FILE`, or `-` for standard input.

use std::io::Read as _;

use countersign::Canonical;
use serde_json::Value;

use crate::failure::Failure;

/// The longest text that is read; the engine takes no longer arguments.
const MOST_BYTES: u64 = 1 << 20;

/// The text behind an option.
pub(crate) fn text(option: &str, given: &str) -> Result<String, Failure> {
    let read = |from: &mut dyn std::io::Read| {
        let mut text = String::new();
        from.take(MOST_BYTES).read_to_string(&mut text).map(|_| text)
    };
    match given.strip_prefix('@') {
        Some(path) => std::fs::File::open(path)
            .and_then(|mut it| read(&mut it))
            .map_err(|error| Failure::new(format!("--{option}: cannot read {path}: {error}"))),
        None if given == "-" => read(&mut std::io::stdin().lock())
            .map_err(|error| Failure::new(format!("--{option}: cannot read standard input: {error}"))),
        None => Ok(given.to_owned()),
    }
}

/// The text behind an option, which must be JSON. What the JSON says is not judged here.
pub(crate) fn json_text(option: &str, given: &str) -> Result<String, Failure> {
    let text = text(option, given)?;
    match serde_json::from_str::<serde::de::IgnoredAny>(&text) {
        Ok(_) => Ok(text),
        Err(error) => Err(Failure::usage(format!(
            "--{option} is not JSON: {error}; text needs quotes of its own, as in '\"done\"'"
        ))),
    }
}

/// The JSON value behind an option, with every digit of its integers.
pub(crate) fn json(option: &str, given: &str) -> Result<Value, Failure> {
    let text = json_text(option, given)?;
    let canonical =
        Canonical::parse(&text).map_err(|error| Failure::usage(format!("--{option}: {error}")))?;
    Ok(canonical.value())
}
