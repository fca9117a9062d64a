//! Arguments and results as a trace may hold them: without secrets, and not too long.

use serde_json::Value;

/// The longest text that one attribute holds, in bytes; longer ones are cut.
const MOST: usize = 16 * 1024;
/// Replacing shorter secrets would leave a text of which they can be read: it is hidden as a whole.
const LEAST: usize = 3;

/// The arguments with secrets replaced; none of what cannot be read, since a secret may be in it.
pub(super) fn arguments(text: &str, secret: &[&str]) -> Option<String> {
    let mut value: Value = serde_json::from_str(text).ok()?;
    for name in secret {
        if let Some(value) = value.get_mut(*name) {
            *value = Value::from("***");
        }
    }
    Some(cut(value.to_string()))
}

/// Every text and number within the secret arguments, the longest first.
pub(super) fn values(text: &str, secret: &[&str]) -> Vec<String> {
    let value: Value = serde_json::from_str(text).unwrap_or_default();
    let mut found = Vec::new();
    let mut open: Vec<&Value> = secret.iter().filter_map(|it| value.get(*it)).collect();
    while let Some(value) = open.pop() {
        match value {
            Value::Null | Value::Bool(_) => {}
            Value::Number(number) => found.push(number.to_string()),
            Value::String(text) => {
                // As it is, and as it stands in JSON.
                let quoted = Value::from(text.as_str()).to_string();
                found.push(text.clone());
                found.push(quoted[1..quoted.len() - 1].to_owned());
            }
            Value::Array(items) => open.extend(items),
            Value::Object(fields) => open.extend(fields.values()),
        }
    }
    found.retain(|it| !it.is_empty());
    found.sort_by_key(|it| std::cmp::Reverse(it.len()));
    found.dedup();
    found
}

/// A result or an error with every secret that it repeats replaced.
pub(super) fn text(text: &str, secrets: &[String]) -> String {
    let mut text = text.to_owned();
    for secret in secrets {
        if text.contains(secret.as_str()) {
            if secret.len() < LEAST {
                return "***".to_owned();
            }
            text = text.replace(secret.as_str(), "***");
        }
    }
    cut(text)
}

fn cut(mut text: String) -> String {
    if text.len() > MOST {
        text.truncate(text.floor_char_boundary(MOST));
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_replaced_wherever_they_stand() {
        let text_of = r#"{"to":"bob","token":"s3c\"ret","pins":[123456,{"a":"qqq"}]}"#;
        let secret = ["token", "pins"];
        let masked = arguments(text_of, &secret).unwrap();
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&masked).unwrap(),
            serde_json::json!({"pins": "***", "to": "bob", "token": "***"})
        );
        let secrets = values(text_of, &secret);
        let said = text(r#"{"echo":"s3c\"ret 123456 qqq bob"} s3c"ret"#, &secrets);
        assert_eq!(said, r#"{"echo":"*** *** *** bob"} ***"#);
    }

    #[test]
    fn a_text_with_a_short_secret_is_hidden() {
        let secrets = values(r#"{"pin":7}"#, &["pin"]);
        assert_eq!(text("the pin was 7", &secrets), "***");
        assert_eq!(text("the pin was right", &secrets), "the pin was right");
    }

    #[test]
    fn what_cannot_be_read_is_not_shown() {
        assert_eq!(arguments(r#"{"token":"s3cret""#, &["token"]), None);
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let long = "ä".repeat(MOST);
        let shown = text(&long, &[]);
        assert!(
            shown.len() <= MOST + 3 && shown.ends_with("ä…"),
            "{}",
            shown.len()
        );
    }
}
