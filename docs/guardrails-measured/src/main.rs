//! Recall, precision and speed of our guardrail for personal data beside those of libraries alone, on the
//! development data. `docs/guardrails.md` has the figures.

#[path = "../../../agent/tests/guardrails/measure.rs"]
mod measure;

use std::time::Instant;

use countersign_agent::Place;
use countersign_agent::guardrail::{PiiGuardrail, PiiKind, PromptInjectionGuardrail};
use phonenumber::country::Id;
use redact_core::{AnalyzerEngine, EntityType};
use regex::Regex;

use measure::{Row, Span, measure, rows, table};

const DATA: &str = include_str!("../../../agent/tests/data/pii_dev.jsonl");

/// Where most phone numbers of the data are from.
const REGIONS: [Id; 10] = [
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

fn main() {
    let rows = rows(DATA);
    let guardrail = PiiGuardrail::mask();
    let engine = AnalyzerEngine::new();
    // A candidate as anybody would cut it out.
    let candidate = Regex::new(r"[+(]?[0-9][0-9 ()./x-]{5,}[0-9]").expect("the expression is right");
    compare("countersign", &rows, |text| {
        let found = guardrail.find(text).into_iter();
        found.filter_map(|it| Some((ours(&it.kind)?, it.range))).collect()
    });
    compare("redact-core 0.12.7", &rows, |text| redacts(&engine, text));
    compare("phonenumber, US", &rows, |text| numbers(&candidate, &REGIONS[..1], text));
    compare("phonenumber, 10 regions", &rows, |text| numbers(&candidate, &REGIONS, text));

    let injection = PromptInjectionGuardrail::new();
    time("prompt injection", &rows, |text| {
        injection.suspicion(Place::Input, text);
    });
}

/// Prints what is found and how long it takes.
fn compare(name: &str, rows: &[Row], mut find: impl FnMut(&str) -> Vec<Span>) {
    let verbose = std::env::args().any(|it| it == "--verbose");
    let tell = |line: &str| {
        if verbose {
            println!("{name}: {line}");
        }
    };
    print!("{}", table(name, &measure(rows, &mut find, tell)));
    time(name, rows, |text| drop(find(text)));
}

/// Prints how long it takes: for each text by itself, and for all of them as one.
fn time(name: &str, rows: &[Row], mut look: impl FnMut(&str)) {
    const ROUNDS: usize = 20;
    let whole: String = rows.iter().map(|it| format!("{}\n\n", it.text)).collect();
    let each: Vec<&str> = rows.iter().map(|it| it.text.as_str()).collect();
    for (what, texts) in [("each text", each), ("one long text", vec![whole.as_str()])] {
        let bytes: usize = texts.iter().map(|it| it.len()).sum();
        let since = Instant::now();
        for _ in 0..ROUNDS {
            for text in &texts {
                look(text);
            }
        }
        let micros = since.elapsed().as_micros() as f64 * 1024.0 / (bytes * ROUNDS) as f64;
        println!("{name:24} {micros:.1} us per KB, {what}");
    }
    println!();
}

/// What the numbering plans of these regions call valid.
fn numbers(candidate: &Regex, regions: &[Id], text: &str) -> Vec<Span> {
    let found = candidate.find_iter(text).filter(|it| {
        let parsed = |region| phonenumber::parse(region, it.as_str()).is_ok_and(|it| it.is_valid());
        parsed(None) || regions.iter().any(|it| parsed(Some(*it)))
    });
    found.map(|it| ("PHONE_NUMBER".to_owned(), it.range())).collect()
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
