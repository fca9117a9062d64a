// errors: 1
use countersign::tool;

/// Unsafe.
#[tool]
unsafe fn refund(order: String) {
    drop(order);
}

fn main() {}
