// errors: 1
use countersign::tool;

/// No body.
#[tool(requires_confirmation)]
fn refund(order: String) -> String;

fn main() {}
