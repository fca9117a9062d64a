//! House rules, held by a test: what each crate may import, how long a file may be, how manifests and
//! decisions are kept.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The longest file, in lines.
const MOST_LINES: usize = 600;

/// The floors of `docs/ARCHITECTURE.md`: each crate and those of ours it may import. Downward only.
const FLOORS: &[(&str, &[&str])] = &[
    ("core", &[]),
    ("macros", &[]),
    ("runtime", &["countersign-core", "countersign-macros"]),
    ("agent", &["countersign"]),
    ("app", &["countersign", "countersign-agent"]),
    ("examples/kit", &["countersign-agent"]),
    (
        "examples/approvals",
        &["countersign", "countersign-agent", "countersign-app"],
    ),
    (
        "examples/feedback",
        &["countersign", "countersign-agent", "countersign-app"],
    ),
    (
        "examples/helpdesk",
        &["countersign", "countersign-agent", "countersign-app"],
    ),
    ("examples/refunds", &["countersign", "countersign-app"]),
    ("tests", &["countersign"]),
];

/// What core may never depend on: it has no clock, no randomness, no tasks, no database, no log.
const NOT_IN_CORE: [&str; 8] = [
    "tokio",
    "rusqlite",
    "getrandom",
    "rand",
    "tracing",
    "log",
    "jiff",
    "async-trait",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All files of our crates with this ending, with their paths from the root.
fn files(ending: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut open: Vec<PathBuf> = ["core", "macros", "runtime", "agent", "app", "examples", "tests"]
        .map(|it| root().join(it))
        .into();
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(&dir).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() && path.file_name().is_some_and(|it| it != "target") {
                open.push(path);
            } else if path.extension().is_some_and(|it| it == ending) {
                let name = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
                found.push((name, read(&path)));
            }
        }
    }
    assert!(
        !found.is_empty(),
        "no .{ending} file was found: this test looks in the wrong place"
    );
    found.sort();
    found
}

/// The names of the dependencies in one section of a manifest.
fn dependencies(manifest: &str, section: &str) -> Vec<String> {
    let lines = manifest
        .lines()
        .skip_while(|it| *it != section)
        .skip(1)
        .take_while(|it| !it.starts_with('['));
    let entries = lines.filter(|it| it.starts_with(|first: char| first.is_ascii_alphabetic()));
    entries
        .map(|it| it.split(['.', ' ', '=']).next().unwrap_or_default().to_owned())
        .collect()
}

#[test]
fn imports_only_point_down() {
    for (name, allowed) in FLOORS.iter().copied() {
        let manifest = read(&root().join(name).join("Cargo.toml"));
        for dependency in dependencies(&manifest, "[dependencies]") {
            if dependency.starts_with("countersign") {
                assert!(
                    allowed.contains(&dependency.as_str()),
                    "{name} may not depend on {dependency}"
                );
            }
            if name == "core" {
                assert!(
                    !NOT_IN_CORE.contains(&dependency.as_str()),
                    "core is pure and may not depend on {dependency}"
                );
            }
        }
    }
}

#[test]
fn core_reads_no_clock_and_draws_no_random_number() {
    for (name, text) in files("rs")
        .iter()
        .filter(|(name, _)| name.starts_with("core/src"))
    {
        for word in [
            "SystemTime",
            "Instant::now",
            "std::env",
            "std::fs",
            "std::thread",
            "println!",
        ] {
            assert!(!text.contains(word), "{name} uses {word}; core is pure");
        }
    }
}

#[test]
fn files_are_short() {
    let long: Vec<String> = files("rs")
        .iter()
        .map(|(name, text)| (name, text.lines().count()))
        .filter(|(_, lines)| *lines > MOST_LINES)
        .map(|(name, lines)| format!("{name}: {lines} lines"))
        .collect();
    assert!(
        long.is_empty(),
        "longer than {MOST_LINES} lines: {}",
        long.join(", ")
    );
}

#[test]
fn no_test_sleeps_is_ignored_or_expects_a_panic() {
    // Written in two halves, so that this file does not find itself.
    let words = [
        concat!("#[ign", "ore"),
        concat!("#[should_", "panic"),
        concat!("thread::sl", "eep"),
        concat!("TO", "DO"),
    ];
    for (name, text) in files("rs") {
        for word in words {
            // A program may have to wait for another; a test may not.
            let waits = word == words[2] && !name.contains("tests");
            assert!(waits || !text.contains(word), "{name} has {word}");
        }
    }
}

#[test]
fn manifests_are_sorted() {
    for (name, text) in files("toml")
        .iter()
        .filter(|(name, _)| name.ends_with("Cargo.toml"))
    {
        for section in ["[dependencies]", "[dev-dependencies]"] {
            let found = dependencies(text, section);
            let mut sorted = found.clone();
            sorted.sort();
            assert_eq!(found, sorted, "{name} {section}");
        }
    }
}

#[test]
fn every_manifest_takes_lints_and_edition_from_the_workspace() {
    let packages = files("toml");
    for (name, text) in packages
        .iter()
        .filter(|(name, _)| name.ends_with("/Cargo.toml") && !name.contains("tests/renamed"))
    {
        assert!(text.contains("[lints]\nworkspace = true"), "{name}: lints");
        assert!(text.contains("edition.workspace = true"), "{name}: edition");
        assert!(
            text.contains("rust-version.workspace = true"),
            "{name}: rust-version"
        );
    }
}

#[test]
fn decisions_are_numbered_without_gaps() {
    let mut numbers = BTreeMap::new();
    for entry in fs::read_dir(root().join("docs/decisions"))
        .unwrap()
        .map(Result::unwrap)
    {
        let name = entry.file_name().to_string_lossy().into_owned();
        let number: usize = name
            .split('-')
            .next()
            .and_then(|it| it.parse().ok())
            .unwrap_or_else(|| panic!("{name}"));
        assert!(
            numbers.insert(number, name.clone()).is_none(),
            "two decisions have the number of {name}"
        );
    }
    assert!(numbers.keys().copied().eq(1..=numbers.len()), "{numbers:?}");
}

#[test]
fn architecture_stays_under_two_pages() {
    let words = read(&root().join("docs/ARCHITECTURE.md"))
        .split_whitespace()
        .count();
    assert!(words < 1300, "docs/ARCHITECTURE.md has {words} words");
}
