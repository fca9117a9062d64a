// errors: 1
use countersign::tool;

/// A typing error.
#[tool(external_executoin)]
fn refund(order: String) -> String;

fn main() {}
