//! Everything that is wrong with what a person filled in, each with its place.

use std::fmt;

/// What is wrong, in the order in which it was found.
#[derive(Debug, Default)]
pub(crate) struct Wrong(Vec<String>);

impl Wrong {
    /// Something at this place: `answers[0].chosen`.
    pub(crate) fn add(&mut self, place: impl fmt::Display, what: impl fmt::Display) {
        self.0.push(format!("argument `{place}`: {what}"));
    }

    pub(crate) fn or_nothing(self) -> Result<(), Self> {
        if self.0.is_empty() { Ok(()) } else { Err(self) }
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("; "))
    }
}
