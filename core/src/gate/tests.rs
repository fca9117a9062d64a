//! Unions, covers and conditions.

use super::*;

fn approval(pool: &str, quorum: u16, hours: u64) -> ApprovalGate {
    ApprovalGate {
        pool: PoolName::new(pool).unwrap(),
        quorum,
        expires_in: Duration::from_secs(hours * 3600),
        escalate_after: None,
        because: Vec::new(),
    }
}

fn gates(approvals: &[(&str, u16, u64)]) -> Gates {
    Gates {
        approvals: approvals
            .iter()
            .map(|(pool, quorum, hours)| approval(pool, *quorum, *hours))
            .collect(),
        ..Gates::default()
    }
}

#[test]
fn a_union_satisfies_both_sides() {
    let old = gates(&[("managers", 1, 48)]);
    let new = gates(&[("managers", 2, 24), ("finance", 1, 48)]);
    let union = gates(&[("finance", 1, 48), ("managers", 2, 24)]);
    assert_eq!(old.tightened(&new), union);
    assert!(union.cover(&old) && union.cover(&new) && union.cover(&union));
    assert!(!old.cover(&new) && !new.cover(&gates(&[("cfo", 1, 1)])));
    assert_eq!(
        gates(&[("a", 1, 1), ("a", 3, 1)]).tightened(&gates(&[("a", 2, 1)])),
        gates(&[("a", 3, 1), ("a", 1, 1)])
    );
}

#[test]
fn a_shorter_time_is_stricter() {
    assert!(!gates(&[("a", 1, 2)]).cover(&gates(&[("a", 1, 1)])));
    assert!(gates(&[("a", 1, 1)]).cover(&gates(&[("a", 1, 2)])));
}

#[test]
fn a_missing_condition_holds() {
    let declared = DeclaredGates {
        approvals: vec![DeclaredApproval {
            pool: PoolName::new("managers").unwrap(),
            quorum: 1,
            when: Some("x > 1".to_owned()),
            expires_in: None,
        }],
        ..DeclaredGates::default()
    };
    assert_eq!(
        declared
            .frozen(&Conditions::default(), DEFAULT_EXPIRY)
            .approvals
            .len(),
        1
    );
    let not = Conditions {
        approvals: vec![false],
        ..Conditions::default()
    };
    assert!(!declared.frozen(&not, DEFAULT_EXPIRY).any());
}
