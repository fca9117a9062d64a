//! The tools are sound, and no gate is lost unseen.

use countersign::Policy;
use countersign::registry::Entry;
use countersign::schema::lock;

#[test]
fn tools_and_policy_fit() {
    let policy = Policy::parse(helpdesk::POLICY).unwrap();
    countersign::testing::check_registry!(&policy);
}

#[test]
fn the_tools_are_those_of_the_lock() {
    let registry = helpdesk::registry().unwrap();
    let descriptors: Vec<_> = registry.iter().map(Entry::descriptor).collect();
    let differences = lock::check(include_str!("../../tools.lock"), &descriptors);
    assert_eq!(differences, Ok(()), "write it anew with `helpdesk tools --lock`");
}
