//! How well spans are found, by the same measure for us and for others.

use std::collections::BTreeMap;
use std::ops::Range;

/// The classes that are measured: the label in the data.
pub(crate) const CLASSES: [&str; 6] = [
    "CREDIT_CARD",
    "EMAIL_ADDRESS",
    "IBAN_CODE",
    "IP_ADDRESS",
    "PHONE_NUMBER",
    "US_SSN",
];

/// A span of a class, in bytes.
pub(crate) type Span = (String, Range<usize>);

/// A text with its labels.
pub(crate) struct Row {
    pub(crate) text: String,
    pub(crate) labels: Vec<Span>,
}

/// How many of a class there are, how many of those are found as a whole, how many were found, and how many of
/// those overlap a label of that class.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub(crate) struct Tally {
    pub(crate) labelled: usize,
    pub(crate) recalled: usize,
    pub(crate) found: usize,
    pub(crate) right: usize,
}

impl Tally {
    pub(crate) fn recall(self) -> f64 {
        share(self.recalled, self.labelled)
    }

    pub(crate) fn precision(self) -> f64 {
        share(self.right, self.found)
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts are small")]
fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 {
        1.0
    } else {
        part as f64 / whole as f64
    }
}

/// The rows of the file; its spans count characters.
pub(crate) fn rows(data: &str) -> Vec<Row> {
    data.lines()
        .map(|line| {
            let row: serde_json::Value = serde_json::from_str(line).unwrap();
            let text = row["text"].as_str().unwrap().to_owned();
            let byte = |at: &serde_json::Value| {
                let at = usize::try_from(at.as_u64().unwrap()).unwrap();
                text.char_indices().nth(at).map_or(text.len(), |(byte, _)| byte)
            };
            let spans = row["spans"].as_array().unwrap().iter();
            let labels = spans
                .map(|it| {
                    (
                        it["type"].as_str().unwrap().to_owned(),
                        byte(&it["start"])..byte(&it["end"]),
                    )
                })
                .collect();
            Row { text, labels }
        })
        .collect()
}

/// Measures what `find` finds. What is missed or wrong is told to `tell`.
pub(crate) fn measure(
    rows: &[Row],
    mut find: impl FnMut(&str) -> Vec<Span>,
    mut tell: impl FnMut(&str),
) -> BTreeMap<&'static str, Tally> {
    let mut tallies = BTreeMap::new();
    for row in rows {
        let found = find(&row.text);
        for class in CLASSES {
            let tally: &mut Tally = tallies.entry(class).or_default();
            let of = |spans: &[Span]| {
                spans
                    .iter()
                    .filter(|it| it.0 == class)
                    .map(|it| it.1.clone())
                    .collect()
            };
            let labels: Vec<Range<usize>> = of(&row.labels);
            let mine: Vec<Range<usize>> = of(&found);
            tally.labelled += labels.len();
            tally.found += mine.len();
            for label in &labels {
                let whole = mine
                    .iter()
                    .any(|it| it.start <= label.start && label.end <= it.end);
                tally.recalled += usize::from(whole);
                if !whole {
                    tell(&format!("missed {class}: {:?}", &row.text[label.clone()]));
                }
            }
            for it in &mine {
                let right = labels
                    .iter()
                    .any(|label| label.start < it.end && it.start < label.end);
                tally.right += usize::from(right);
                if !right {
                    tell(&format!("wrong {class}: {:?}", &row.text[it.clone()]));
                }
            }
        }
    }
    tallies
}

/// The tallies as lines.
pub(crate) fn table(name: &str, tallies: &BTreeMap<&'static str, Tally>) -> String {
    let lines = tallies.iter().map(|(class, it)| {
        let Tally {
            labelled,
            recalled,
            found,
            right,
        } = it;
        format!("{name:24} {class:14} recall {recalled:3}/{labelled:<3} precision {right:3}/{found}\n")
    });
    lines.collect()
}
