// errors: 1
use countersign::tool;

/// Says nothing.
#[tool]
fn refund(#[arg] order: String) {
    drop(order);
}

fn main() {}
