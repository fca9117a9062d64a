//! JSON in which no object has a name twice.
//!
//! RFC 8259 leaves open what the second one means. Whoever checks the first and whoever runs the last would see two
//! requests in one; so there is none.

use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// Any value; reading it fails at the second of two equal names. Depth is limited by whoever parses.
pub(crate) struct Unique;

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Look)
    }
}

struct Look;

impl<'de> Visitor<'de> for Look {
    type Value = Unique;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Unique, E> {
        Ok(Unique)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Unique, E> {
        Ok(Unique)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Unique, E> {
        Ok(Unique)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Unique, E> {
        Ok(Unique)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Unique, E> {
        Ok(Unique)
    }

    fn visit_str<E>(self, _: &str) -> Result<Unique, E> {
        Ok(Unique)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Unique, A::Error> {
        while items.next_element::<Unique>()?.is_some() {}
        Ok(Unique)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Unique, A::Error> {
        let mut seen = HashSet::new();
        while let Some(name) = fields.next_key::<String>()? {
            if seen.contains(&name) {
                let name: String = name.chars().take(100).collect();
                return Err(A::Error::custom(format_args!("{name:?} is there twice")));
            }
            fields.next_value::<Unique>()?;
            seen.insert(name);
        }
        Ok(Unique)
    }
}

#[cfg(test)]
mod tests {
    use super::Unique;

    #[test]
    fn a_name_that_comes_twice_is_found_wherever_it_is() {
        let read = |text: &str| serde_json::from_str::<Unique>(text).map_err(|it| it.to_string());
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":{"b":[1,{"c":null,"c":0}]}}"#,
            r#"[{"\u0061":1,"a":2}]"#,
        ] {
            assert!(
                read(text).is_err_and(|it| it.contains("is there twice")),
                "{text}"
            );
        }
        for text in [
            r#"{"a":{"a":[{"a":-1.5}]},"b":true}"#,
            "\"a\"",
            "null",
            "18446744073709551615",
        ] {
            assert!(read(text).is_ok(), "{text}");
        }
    }
}
