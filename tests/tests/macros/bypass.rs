//! Around the gates, in tests that say so.

use countersign::{CallContext, approval, tool};

use super::support::{World, ready};
use countersign::core::tool::Scope;

/// Asks first.
#[tool(requires_confirmation)]
fn bypassed(n: u8) -> u8 {
    n
}

/// Asks many.
#[approval(required)]
#[tool]
async fn bypassed_later(#[context] context: CallContext, mut n: u8) -> Result<String, std::fmt::Error> {
    n += 1;
    Ok(format!("{} {n}", context.idempotency_key))
}

#[test]
fn gates_are_bypassed_by_name() {
    assert_eq!(bypassed::bypass_gates(1), 1);
    let context = World::default().context();
    assert_eq!(
        ready(bypassed_later::bypass_gates(context, 1)).unwrap(),
        "key-1 2"
    );
}
