//! The fields of a record, each written in canonical form when it is put in.
//!
//! Every decision makes a record. A tree of values, to be sorted, written and taken apart again, cost more
//! than the call machine; here are only a text and where in it each value stands.

use std::borrow::Cow;
use std::fmt;

use serde_json::{Map, Value};

use crate::canonical::{in_order, quote, write_value};

/// What a record says: names and JSON values, in the order of canonical JSON.
///
/// ```
/// use countersign_core::audit::Fields;
///
/// let mut fields = Fields::default();
/// fields.insert("left", 3.into());
/// fields.insert("kind", "grant.used".into());
/// fields.insert("left", 2.into()); // replaces what was there
/// assert_eq!(fields.get("left"), Some(2.into()));
/// assert_eq!(fields.to_string(), r#"{"kind":"grant.used","left":2}"#);
/// ```
#[derive(Clone, Default)]
pub struct Fields {
    /// The values, one after the other.
    text: String,
    /// Sorted by name.
    members: Vec<Member>,
    /// Why a value has no canonical form; then these fields make no entry.
    refused: Option<String>,
}

#[derive(Clone)]
struct Member {
    name: Cow<'static, str>,
    begin: usize,
    end: usize,
}

impl Fields {
    /// Room for a record of a call, which has some twenty fields. Below a kilobyte, where allocators get slower.
    pub(crate) fn of_call() -> Self {
        Self {
            text: String::with_capacity(960),
            members: Vec::with_capacity(24),
            refused: None,
        }
    }

    /// Says this under that name, in place of what it said before.
    ///
    /// A value without canonical form (nested deeper than 31 levels, a number that does not fit) is kept
    /// out, and [`Draft::entry`](super::Draft::entry) refuses the record.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "as in a map: `\"x\".into()` is what is written here"
    )]
    pub fn insert(&mut self, name: impl Into<Cow<'static, str>>, value: Value) {
        let mut refused = None;
        self.put(name, |out| refused = write_value(&value, out, 1).err());
        if let Some(refused) = refused {
            self.refused = Some(refused.to_string());
        }
    }

    /// The same, of a value that is written here, in canonical form.
    pub(crate) fn put(&mut self, name: impl Into<Cow<'static, str>>, value: impl FnOnce(&mut String)) {
        let begin = self.text.len();
        value(&mut self.text);
        let member = Member {
            name: name.into(),
            begin,
            end: self.text.len(),
        };
        match self.place(&member.name) {
            Ok(place) => {
                if let Some(old) = self.members.get_mut(place) {
                    *old = member;
                }
            }
            Err(place) => self.members.insert(place, member),
        }
    }

    /// What is said under this name.
    pub fn get(&self, name: &str) -> Option<Value> {
        let member = self.place(name).ok().and_then(|it| self.members.get(it))?;
        serde_json::from_str(self.value(member)).ok()
    }

    fn place(&self, name: &str) -> Result<usize, usize> {
        self.members.binary_search_by(|it| in_order(&it.name, name))
    }

    fn value(&self, member: &Member) -> &str {
        self.text.get(member.begin..member.end).unwrap_or_default()
    }

    fn members(&self) -> impl Iterator<Item = (&str, &str)> {
        self.members.iter().map(|it| (&*it.name, self.value(it)))
    }

    /// One object of these fields and of `own`, which are sorted and win where both have a name.
    pub(super) fn object(&self, own: &[(&str, &str)]) -> Result<String, String> {
        if let Some(why) = &self.refused {
            return Err(why.clone());
        }
        let names: usize = self.members.iter().map(|it| it.name.len() + 4).sum();
        let own_length: usize = own.iter().map(|(name, value)| name.len() + value.len() + 4).sum();
        let mut out = String::with_capacity(self.text.len() + names + own_length + 2);
        let mut write = |(name, value): (&str, &str)| {
            out.push(if out.is_empty() { '{' } else { ',' });
            quote(name, &mut out);
            out.push(':');
            out.push_str(value);
        };
        let mut own = own.iter().copied().peekable();
        for (name, value) in self.members() {
            while let Some(first) = own.next_if(|(it, _)| in_order(it, name).is_lt()) {
                write(first);
            }
            if own.peek().is_none_or(|(it, _)| *it != name) {
                write((name, value));
            }
        }
        own.for_each(&mut write);
        out.push_str(if out.is_empty() { "{}" } else { "}" });
        Ok(out)
    }
}

impl From<Map<String, Value>> for Fields {
    fn from(map: Map<String, Value>) -> Self {
        map.into_iter().collect()
    }
}

impl<N: Into<Cow<'static, str>>> FromIterator<(N, Value)> for Fields {
    fn from_iter<I: IntoIterator<Item = (N, Value)>>(all: I) -> Self {
        let mut fields = Self::default();
        for (name, value) in all {
            fields.insert(name, value);
        }
        fields
    }
}

impl PartialEq for Fields {
    fn eq(&self, other: &Self) -> bool {
        self.refused == other.refused && self.members().eq(other.members())
    }
}

impl Eq for Fields {}

/// The fields as one JSON object.
impl fmt::Display for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.object(&[]) {
            Ok(text) => f.write_str(&text),
            Err(why) => write!(f, "fields that cannot be written: {why}"),
        }
    }
}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::canonical::Canonical;

    #[test]
    fn fields_are_written_as_a_value_would_be() {
        let value = json!({
            "z": [1, {"b": null, "a": "\"\\\n"}], "é": 1.5, "a": true, "\u{1f600}": "", "\u{fb33}": 2, "quote\"d": 0
        });
        let mut names: Vec<_> = value.as_object().unwrap().clone().into_iter().collect();
        for _ in 0..names.len() {
            names.rotate_left(1);
            let fields: Fields = names.iter().cloned().collect();
            assert_eq!(fields.to_string(), Canonical::of(&value).unwrap().as_str());
            assert_eq!(fields, value.as_object().unwrap().clone().into());
        }
        assert_eq!(Fields::default().to_string(), "{}");
    }

    #[test]
    fn own_fields_win_wherever_they_stand() {
        let own = [("b", "1"), ("d", "2")];
        let all = |names: &[&'static str]| -> Fields { names.iter().map(|it| (*it, json!(0))).collect() };
        for (names, expected) in [
            (&[][..], r#"{"b":1,"d":2}"#),
            (&["a", "c", "e"], r#"{"a":0,"b":1,"c":0,"d":2,"e":0}"#),
            (&["d", "b"], r#"{"b":1,"d":2}"#),
            (&["c"], r#"{"b":1,"c":0,"d":2}"#),
        ] {
            assert_eq!(all(names).object(&own).unwrap(), expected);
        }
    }

    #[test]
    fn a_value_without_canonical_form_spoils_the_record() {
        let deep = (1..32).fold(json!([]), |inner, _| json!([inner]));
        for value in [deep, json!(1e20)] {
            let fields: Fields = [("bad", value), ("kind", json!("x"))].into_iter().collect();
            assert!(fields.object(&[]).is_err());
        }
        let deep = (1..31).fold(json!([]), |inner, _| json!([inner]));
        assert!(
            [("fits", deep)]
                .into_iter()
                .collect::<Fields>()
                .object(&[])
                .is_ok()
        );
    }
}
