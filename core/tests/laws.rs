//! Laws of gates and of canonical JSON, checked on everything small and on much that is random.

use std::time::Duration;

use countersign_core::canonical::Canonical;
use countersign_core::gate::{ApprovalGate, ConfirmationGate, ExternalGate, Gates, InputGate};
use countersign_core::id::PoolName;
use serde_json::Value;

/// Numbers that look random and are the same every time (xorshift64, Marsaglia 2003).
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % most
    }
}

fn hours(dice: &mut Dice) -> Duration {
    Duration::from_hours(1 + dice.below(3))
}

fn gates(dice: &mut Dice) -> Gates {
    let approvals = (0..dice.below(4))
        .map(|_| ApprovalGate {
            pool: PoolName::new(["a", "b"][usize::from(dice.below(3) == 0)]).unwrap(),
            quorum: 1 + u16::try_from(dice.below(3)).unwrap(),
            expires_in: hours(dice),
            escalate_after: None,
            because: Vec::new(),
        })
        .collect();
    Gates {
        user_input: (dice.below(2) == 0).then(|| InputGate {
            fields: ["x", "y"]
                .into_iter()
                .filter(|_| dice.below(2) == 0)
                .map(str::to_owned)
                .collect(),
            expires_in: hours(dice),
            because: Vec::new(),
        }),
        confirmation: (dice.below(2) == 0).then(|| ConfirmationGate {
            expires_in: hours(dice),
            because: Vec::new(),
        }),
        approvals,
        external: (dice.below(2) == 0).then(|| ExternalGate {
            handoff: dice.below(2) == 0,
            expires_in: hours(dice),
            because: Vec::new(),
        }),
    }
}

/// Gates without the order that they happen to have.
fn sorted(mut gates: Gates) -> Gates {
    gates.approvals.sort();
    gates.user_input.iter_mut().for_each(|it| it.fields.sort());
    gates
}

#[test]
fn a_union_covers_both_whatever_their_order() {
    let mut dice = Dice(81);
    for _ in 0..20_000 {
        let (a, b) = (gates(&mut dice), gates(&mut dice));
        let union = a.tightened(&b);
        assert!(union.cover(&a) && union.cover(&b), "{a:?}\n{b:?}\n{union:?}");
        assert_eq!(sorted(union.clone()), sorted(b.tightened(&a)), "{a:?}\n{b:?}");
        assert_eq!(sorted(a.tightened(&a)), sorted(a.clone()));
        assert_eq!(sorted(a.tightened(&Gates::default())), sorted(a.clone()));
    }
}

#[test]
fn to_cover_is_a_partial_order() {
    let mut dice = Dice(1789);
    for _ in 0..200_000 {
        let (a, b, c) = (gates(&mut dice), gates(&mut dice), gates(&mut dice));
        assert!(a.cover(&a) && a.cover(&Gates::default()));
        if a.cover(&b) && b.cover(&a) {
            assert_eq!(sorted(a.clone()), sorted(b.clone()));
        }
        if a.cover(&b) && b.cover(&c) {
            assert!(a.cover(&c), "{a:?}\n{b:?}\n{c:?}");
        }
        // Chains are rare among strangers; so make one.
        let (ab, abc) = (a.tightened(&b), a.tightened(&b).tightened(&c));
        assert!(abc.cover(&ab) && abc.cover(&a) && abc.cover(&b) && abc.cover(&c));
    }
}

fn text(dice: &mut Dice, level: u32) -> String {
    const ATOMS: [&str; 30] = [
        "null",
        "true",
        "false",
        "0",
        "-0",
        "-0.0",
        "1",
        "1.0",
        "1e0",
        "10E-1",
        "9007199254740993",
        "18446744073709551615",
        "-9223372036854775808",
        "18446744073709551616",
        "1e19",
        "-1e19",
        "1e21",
        "1.5e300",
        "5e-324",
        "0.1",
        "123456789012345678901234567890",
        "\"\"",
        "\"\\u0061\"",
        "\"a\"",
        "\"\\ud83d\\ude00\"",
        "\"\\ud800\"",
        "\"\\/\\b\\f\\u0000\"",
        "\"\u{2028}é\"",
        "01",
        "+1",
    ];
    const KEYS: [&str; 6] = [
        "\"a\"",
        "\"b\"",
        "\"\\u0061\"",
        "\"\u{fb33}\"",
        "\"\u{1f600}\"",
        "\"\"",
    ];
    let space = [" ", "", "\n"][usize::try_from(dice.below(3)).unwrap()];
    let count = dice.below(4);
    match dice.below(if level == 0 { 2 } else { 4 }) {
        0 | 1 => ATOMS[usize::try_from(dice.below(30)).unwrap()].to_owned(),
        2 => {
            let items: Vec<String> = (0..count).map(|_| text(dice, level - 1)).collect();
            format!("[{space}{}{space}]", items.join(","))
        }
        _ => {
            let members: Vec<String> = (0..count)
                .map(|_| {
                    let key = KEYS[usize::try_from(dice.below(6)).unwrap()];
                    format!("{key}{space}:{}", text(dice, level - 1))
                })
                .collect();
            format!("{{{}{space}}}", members.join(", "))
        }
    }
}

/// The same numbers, however they are written.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

#[test]
fn canonical_json_is_its_own_and_says_the_same() {
    let mut dice = Dice(42);
    let mut accepted = 0;
    for _ in 0..100_000 {
        let text = text(&mut dice, 3);
        let Ok(canonical) = Canonical::parse(&text) else {
            continue;
        };
        accepted += 1;
        assert_eq!(
            Canonical::parse(canonical.as_str()).as_ref(),
            Ok(&canonical),
            "{text}"
        );
        let value: Value = serde_json::from_str(&text).unwrap();
        assert!(same(&value, &canonical.value()), "{text} became {canonical}");
        assert_eq!(Canonical::of(&value).as_ref(), Ok(&canonical), "{text}");
        assert_eq!(
            Canonical::of(&canonical.value()).as_ref(),
            Ok(&canonical),
            "{text}"
        );
        let stored = serde_json::to_string(&canonical).unwrap();
        assert_eq!(serde_json::from_str::<Canonical>(&stored).unwrap(), canonical);
    }
    assert!(accepted > 20_000, "{accepted}");
}

#[test]
fn what_is_not_json_is_never_accepted() {
    let mut dice = Dice(7);
    for _ in 0..100_000 {
        let mut bytes = text(&mut dice, 2).into_bytes();
        if bytes.is_empty() {
            continue;
        }
        let place = usize::try_from(dice.below(bytes.len() as u64)).unwrap();
        bytes[place] = b"{}[]\",:\\0-.eE "[usize::try_from(dice.below(14)).unwrap()];
        let Ok(text) = String::from_utf8(bytes) else {
            continue;
        };
        if Canonical::parse(&text).is_ok() {
            assert!(serde_json::from_str::<Value>(&text).is_ok(), "{text}");
        }
    }
}
