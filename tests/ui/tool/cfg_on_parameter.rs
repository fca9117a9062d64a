// errors: 1
use countersign::tool;

/// Comes and goes.
#[tool]
fn refund(order: String, #[cfg(debug_assertions)] dry_run: bool) {
    drop((order, dry_run));
}

fn main() {}
