// errors: 1
use countersign::tool;

/// Runs elsewhere.
#[tool(external_execution, blocking)]
fn refund(order: String) -> String;

fn main() {}
