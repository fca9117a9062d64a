//! A renamed dependency is found without being told.

use countersign_tests_renamed::{add, forget};
use signed::Tool;

#[test]
fn tools_work_under_another_name() {
    assert_eq!(add(1, 2), 3);
    assert_eq!(add::descriptor().name.as_str(), "add");
    let gates = &forget::descriptor().gates;
    assert_eq!(gates.approvals.len(), 1);
    assert!(gates.audit.is_some());
}
