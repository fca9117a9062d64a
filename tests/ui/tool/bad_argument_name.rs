// errors: 1
use countersign::tool;

/// A space in it.
#[tool]
fn refund(#[arg(rename = "order id")] order: String) {
    drop(order);
}

fn main() {}
