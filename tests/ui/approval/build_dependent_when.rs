// errors: 1
use countersign::{approval, tool};

/// Depends on the build.
#[approval(required, when = !cfg!(debug_assertions))]
#[tool]
fn refund(cents: u64) {
    let _ = cents;
}

fn main() {}
