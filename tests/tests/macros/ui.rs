//! What the compiler says about a mistake: one file each, with the number of errors it is worth.
//!
//! Regenerate with `TRYBUILD=overwrite`, then read the difference as a user would.

use std::fs;
use std::path::{Path, PathBuf};

/// The first two are named after the constructors of our messages; the others are what `syn` and the
/// compiler say where we let them.
const FOLDERS: [&str; 4] = ["tool", "approval", "syntax", "types"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("ui")
}

fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(root().join(folder))
        .unwrap()
        .map(|it| it.unwrap().path())
        .filter(|it| it.extension().is_some_and(|it| it == extension))
        .collect();
    files.sort();
    files
}

#[test]
fn mistakes_are_explained() {
    let cases = trybuild::TestCases::new();
    for path in FOLDERS.into_iter().flat_map(|it| files(it, "rs")) {
        // With the feature it compiles.
        if !cfg!(feature = "testing") || !path.ends_with("bypass_without_the_feature.rs") {
            cases.compile_fail(path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap());
        }
    }
}

#[test]
fn each_mistake_is_one_error() {
    for path in FOLDERS.into_iter().flat_map(|it| files(it, "rs")) {
        let source = fs::read_to_string(&path).unwrap();
        let expected: usize = source
            .lines()
            .next()
            .and_then(|it| it.strip_prefix("// errors: "))
            .unwrap_or_else(|| panic!("{}: starts with `// errors: N`", path.display()))
            .parse()
            .unwrap();
        let said = fs::read_to_string(path.with_extension("stderr")).unwrap();
        let errors = said.lines().filter(|it| it.starts_with("error")).count();
        assert_eq!(errors, expected, "{}:\n{said}", path.display());
        let warnings = said.lines().filter(|it| it.starts_with("warning")).count();
        assert_eq!(warnings, 0, "{}:\n{said}", path.display());
    }
}

#[test]
fn every_constructor_has_its_file() {
    let constructors = include_str!("../../../macros/src/errors.rs");
    let mut constructors: Vec<_> = constructors
        .split("impl Errors {")
        // The first block is the collection itself.
        .skip(2)
        .flat_map(|it| it.split("pub(crate) fn ").skip(1))
        .filter_map(|it| it.split(['(', '<']).next())
        .map(str::to_owned)
        .collect();
    constructors.sort();
    let mut named: Vec<_> = ["tool", "approval"]
        .into_iter()
        .flat_map(|it| files(it, "rs"))
        .map(|it| it.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    named.sort();
    assert_eq!(constructors, named);
}
