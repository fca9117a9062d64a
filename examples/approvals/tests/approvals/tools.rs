//! The tools are sound, and no gate is lost unseen.

use countersign::registry::Entry;
use countersign::schema::lock;
use countersign::{Policy, Registry};

#[test]
fn tools_and_policy_fit() {
    let policy = Policy::parse(approvals::POLICY).unwrap();
    countersign::testing::check_registry!(&policy);
}

#[test]
fn the_tools_are_those_of_the_lock() {
    let registry = Registry::from_inventory().unwrap();
    let descriptors: Vec<_> = registry.iter().map(Entry::descriptor).collect();
    let differences = lock::check(include_str!("../../tools.lock"), &descriptors);
    assert_eq!(differences, Ok(()), "write it anew with `approvals tools --lock`");
}
