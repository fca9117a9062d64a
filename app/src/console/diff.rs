//! What an amendment changed, by path.

use std::collections::BTreeMap;

use serde_json::Value;

use super::value::{leaves, words};
use super::visible::{Line, Lines};

/// What became of what stands at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// It was not there before.
    Added,
    /// It is not there any more.
    Removed,
    /// It is another one.
    Changed,
}

impl Change {
    /// The word for it.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
        }
    }
}

/// One difference.
#[derive(Debug, Clone)]
pub(crate) struct Difference {
    /// Where.
    pub(crate) path: Line,
    /// How.
    pub(crate) change: Change,
    /// What stood there.
    pub(crate) before: Option<Lines>,
    /// What stands there now.
    pub(crate) after: Option<Lines>,
}

/// Every difference, in the order of the paths. Never shortened: what was changed is what must be seen.
pub(crate) fn differences(before: &Value, after: &Value) -> Vec<Difference> {
    let mut paths: BTreeMap<String, (Option<&Value>, Option<&Value>)> = BTreeMap::new();
    for leaf in leaves(before) {
        paths.entry(leaf.path).or_default().0 = Some(leaf.value);
    }
    for leaf in leaves(after) {
        paths.entry(leaf.path).or_default().1 = Some(leaf.value);
    }
    let shown = |it: Option<&Value>| it.map(|it| Lines::of(words(it).0));
    let differs = |(path, (before, after)): (String, (Option<&Value>, Option<&Value>))| {
        let change = match (before, after) {
            (Some(before), Some(after)) if before == after => return None,
            (Some(_), Some(_)) => Change::Changed,
            (None, _) => Change::Added,
            (_, None) => Change::Removed,
        };
        Some(Difference {
            path: Line::of(path),
            change,
            before: shown(before),
            after: shown(after),
        })
    };
    paths.into_iter().filter_map(differs).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn differences_are_told_by_path() {
        let before = json!({"a": 1, "b": {"c": "x", "d": [1, 2]}, "same": true});
        let after = json!({"a": 2, "b": {"d": [1, 2, 3]}, "same": true, "e": null});
        let found: Vec<_> = differences(&before, &after)
            .into_iter()
            .map(|it| {
                (
                    it.path.to_string(),
                    it.change.word(),
                    it.before.map(|it| it.to_string()),
                    it.after.map(|it| it.to_string()),
                )
            })
            .collect();
        let some = |it: &str| Some(it.to_owned());
        assert_eq!(
            found,
            [
                ("a".to_owned(), "changed", some("1"), some("2")),
                ("b.c".to_owned(), "removed", some("x"), None),
                ("b.d[2]".to_owned(), "added", None, some("3")),
                ("e".to_owned(), "added", None, some("nothing (null)")),
            ]
        );
        assert!(differences(&before, &before).is_empty());
    }

    #[test]
    fn a_type_that_changes_is_a_change() {
        let found = differences(&json!({"a": "1"}), &json!({"a": 1}));
        assert_ne!(found[0].before, found[0].after);
    }
}
