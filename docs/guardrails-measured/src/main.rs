//! Recall, precision and speed of our guardrail for personal data beside those of libraries alone, on the
//! development data. `docs/guardrails.md` has the figures.

#[path = "../../../agent/tests/guardrails/measure.rs"]
mod measure;

use std::time::Instant;

use countersign_agent::guardrail::{PiiGuardrail, PiiKind};
use phonenumber::country::Id;
use redact_core::{AnalyzerEngine, EntityType};
use regex::Regex;

use measure::{Span, measure, rows, table};

const DATA: &str = include_str!("../../../agent/tests/data/pii_dev.jsonl");

fn main() {
    let rows = rows(DATA);
    let verbose = std::env::args().any(|it| it == "--verbose");
    let guardrail = PiiGuardrail::mask();
    let engine = AnalyzerEngine::new();
    // A candidate as anybody would cut it out, and the regions that most numbers of the data are from.
    let candidate = Regex::new(r"[+(]?[0-9][0-9 ()./x-]{5,}[0-9]").expect("the expression is right");
    let regions = [
        Id::US,
        Id::GB,
        Id::SE,
        Id::CH,
        Id::FR,
        Id::ES,
        Id::BE,
        Id::AU,
        Id::DK,
        Id::PL,
    ];
    let ours = |text: &str| {
        guardrail
            .find(text)
            .into_iter()
            .filter_map(|it| Some((ours(&it.kind)?, it.range)))
            .collect()
    };
    let redact = |text: &str| redacts(&engine, text);
    let numbers = |regions: &'static [Id], text: &str| -> Vec<Span> {
        let found = candidate.find_iter(text).filter(|it| {
            let parsed = |region| phonenumber::parse(region, it.as_str()).is_ok_and(|it| it.is_valid());
            parsed(None) || regions.iter().any(|it| parsed(Some(*it)))
        });
        found.map(|it| ("PHONE_NUMBER".to_owned(), it.range())).collect()
    };
    let regions: &'static [Id] = Box::leak(Box::new(regions));
    let mut compare = |name: &str, find: &mut dyn FnMut(&str) -> Vec<Span>| {
        let tell = |line: &str| {
            if verbose {
                println!("{name}: {line}");
            }
        };
        println!("{}", table(name, &measure(&rows, &mut *find, tell)));
        let bytes: usize = rows.iter().map(|it| it.text.len()).sum();
        let since = Instant::now();
        let rounds: usize = 20;
        for _ in 0..rounds {
            for row in &rows {
                std::hint::black_box(find(&row.text));
            }
        }
        let micros = since.elapsed().as_micros() as f64;
        println!(
            "{name:24} {:.1} us per KB\n",
            micros * 1024.0 / (bytes * rounds) as f64
        );
    };
    compare("countersign", &mut { ours });
    compare("redact-core 0.12.7", &mut { redact });
    compare("phonenumber, US", &mut |text| numbers(&regions[..1], text));
    compare("phonenumber, 10 regions", &mut |text| numbers(regions, text));
}

fn ours(kind: &PiiKind) -> Option<String> {
    let class = match kind {
        PiiKind::Card => "CREDIT_CARD",
        PiiKind::Email => "EMAIL_ADDRESS",
        PiiKind::Iban => "IBAN_CODE",
        PiiKind::Ip => "IP_ADDRESS",
        PiiKind::Phone => "PHONE_NUMBER",
        PiiKind::Ssn => "US_SSN",
        _ => return None,
    };
    Some(class.to_owned())
}

/// What the engine finds, under the labels of the data.
fn redacts(engine: &AnalyzerEngine, text: &str) -> Vec<Span> {
    let found = engine
        .analyze(text, None)
        .map(|it| it.detected_entities)
        .unwrap_or_default();
    let spans = found.into_iter().filter_map(|it| {
        let class = match it.entity_type {
            EntityType::CreditCard => "CREDIT_CARD",
            EntityType::EmailAddress => "EMAIL_ADDRESS",
            EntityType::Iban | EntityType::IbanCode => "IBAN_CODE",
            EntityType::IpAddress => "IP_ADDRESS",
            EntityType::PhoneNumber | EntityType::UkPhoneNumber | EntityType::UkMobileNumber => {
                "PHONE_NUMBER"
            }
            EntityType::UsSsn => "US_SSN",
            _ => return None,
        };
        Some((class.to_owned(), it.start..it.end))
    });
    spans.collect()
}
