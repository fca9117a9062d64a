//! Rewrites the strings and numbers inside JSON text and leaves every other byte as it is.
//!
//! It works on the text, not on a parsed value: the order of fields, the digits of numbers and the white space
//! of what is not rewritten stay. What comes out is JSON again, with no key twice in an object that had none.

use std::collections::HashMap;
use std::rc::Rc;

use serde::de::IgnoredAny;

/// A string or a whole number in JSON text.
pub(super) struct Leaf<'a> {
    /// The key it stands under; through arrays, the key of the array.
    pub(super) key: &'a str,
    /// What it says.
    pub(super) text: &'a str,
    /// Whether it is itself a key.
    pub(super) is_key: bool,
}

/// An object or array that is open.
struct Open {
    is_object: bool,
    /// What the values in it are called.
    key: Rc<str>,
    /// The keys so far as they will be, and how often each was wanted.
    keys: HashMap<String, u32>,
}

/// The text with every leaf replaced for which `rewrite` gives something, as a string. None if nothing changes or
/// it is no JSON.
pub(super) fn rewritten(text: &str, mut rewrite: impl FnMut(&Leaf<'_>) -> Option<String>) -> Option<String> {
    if !is_json(text) {
        return None;
    }
    let mut out = String::with_capacity(text.len());
    let mut open: Vec<Open> = Vec::new();
    let mut rest = text;
    let mut changed = false;
    while let Some(first) = rest.chars().next() {
        let (token, after) = rest.split_at(token_length(rest));
        rest = after;
        let is_key = first == '"' && after.trim_start().starts_with(':');
        let said = match first {
            '"' => serde_json::from_str::<String>(token).ok(),
            '-' | '0'..='9' if token.bytes().all(|it| it.is_ascii_digit()) => Some(token.to_owned()),
            _ => None,
        };
        let Some(said) = said else {
            follow(&mut open, first);
            out.push_str(token);
            continue;
        };
        let key = open.last().map(|it| Rc::clone(&it.key)).unwrap_or_default();
        let leaf = Leaf {
            key: if is_key { "" } else { &key },
            text: &said,
            is_key,
        };
        let mut new = rewrite(&leaf);
        if is_key {
            new = Some(unused(&mut open, new.unwrap_or_else(|| said.clone())));
        }
        let new = new.filter(|new| *new != said);
        match &new {
            Some(new) => {
                changed = true;
                out.push_str(&serde_json::Value::from(new.as_str()).to_string());
            }
            None => out.push_str(token),
        }
        // The key as it will be: who looks at the result again sees no other.
        if is_key && let Some(object) = open.last_mut() {
            object.key = new.unwrap_or(said).into();
        }
    }
    changed.then_some(out)
}

/// Whether this is one JSON value.
pub(super) fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// The length of the token at the start of JSON text: a string, a number, or one character.
fn token_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    match bytes.first() {
        Some(b'"') => {
            let mut escaped = false;
            for (at, byte) in bytes.iter().enumerate().skip(1) {
                match byte {
                    _ if escaped => escaped = false,
                    b'\\' => escaped = true,
                    b'"' => return at + 1,
                    _ => {}
                }
            }
            bytes.len()
        }
        Some(b'-' | b'0'..=b'9') => bytes
            .iter()
            .position(|it| !matches!(it, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9'))
            .unwrap_or(bytes.len()),
        _ => text.chars().next().map_or(0, char::len_utf8),
    }
}

/// Keeps track of which object or array the next token is in.
fn follow(open: &mut Vec<Open>, first: char) {
    match first {
        '{' | '[' => open.push(Open {
            is_object: first == '{',
            key: open.last().map(|it| Rc::clone(&it.key)).unwrap_or_default(),
            keys: HashMap::new(),
        }),
        '}' | ']' => drop(open.pop()),
        _ => {}
    }
}

/// This key, numbered if the object has it already.
fn unused(open: &mut [Open], name: String) -> String {
    let Some(object) = open.last_mut().filter(|it| it.is_object) else {
        return name;
    };
    let mut wanted = object.keys.get(&name).copied().unwrap_or_default();
    let mut free = name.clone();
    if wanted > 0 {
        loop {
            wanted += 1;
            free = format!("{name} {wanted}");
            if !object.keys.contains_key(&free) {
                break;
            }
        }
        object.keys.insert(free.clone(), 1);
    }
    object.keys.insert(name, wanted.max(1));
    free
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Stars for every leaf that contains an `x`, with the key it was found under.
    fn check(text: &str, expect: Option<&str>) {
        let rewritten = rewritten(text, |leaf| {
            leaf.text.contains(['x', '7']).then(|| format!("*{}", leaf.key))
        });
        assert_eq!(rewritten.as_deref(), expect, "{text}");
    }

    #[test]
    fn only_what_is_rewritten_changes() {
        check(
            r#"{ "a" : "x" , "b": 1.50e0}"#,
            Some(r#"{ "a" : "*a" , "b": 1.50e0}"#),
        );
        check(
            r#"{"a":["y",{"b":["x"]}],"c":"x"}"#,
            Some(r#"{"a":["y",{"b":["*b"]}],"c":"*c"}"#),
        );
        check(r#""\u0078\"""#, Some(r#""*""#));
        check("7", Some(r#""*""#));
        check("-7", None);
        check(r#"{"a":"y"}"#, None);
    }

    #[test]
    fn no_key_is_made_twice() {
        check(r#"{"x1":1,"x2":2,"*":3}"#, Some(r#"{"*":1,"* 2":2,"* 3":3}"#));
    }

    #[test]
    fn what_is_no_json_is_left_alone() {
        for text in ["", "x", "{", r#""x"#, r#"{"x":1} 2"#] {
            check(text, None);
        }
    }
}
