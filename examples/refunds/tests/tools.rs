//! The tools are sound, and no gate is lost unseen.

use countersign::schema::lock;
use countersign::{Policy, Registry};

#[test]
fn tools_and_policy_fit() {
    let policy = Policy::parse(refunds::POLICY).unwrap();
    countersign::testing::check_registry!(&policy);
}

#[test]
fn every_parameter_is_documented() {
    let registry = linked();
    assert_eq!(registry.len(), 6);
    for entry in registry.iter() {
        let descriptor = entry.descriptor();
        for parameter in &descriptor.parameters {
            assert!(
                !parameter.description.is_empty(),
                "{}: {}",
                descriptor.name,
                parameter.name
            );
        }
    }
}

#[test]
fn the_tools_are_those_of_the_lock() {
    let registry = linked();
    let descriptors: Vec<_> = registry
        .iter()
        .map(countersign::registry::Entry::descriptor)
        .collect();
    let differences = lock::check(include_str!("../tools.lock"), &descriptors);
    assert_eq!(differences, Ok(()), "write it anew with `refunds tools --lock`");
}

fn linked() -> Registry {
    Registry::from_inventory().unwrap()
}
