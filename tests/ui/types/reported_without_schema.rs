// errors: 1
use countersign::tool;

struct Outcome;

/// Reported without a schema.
#[tool(external_execution)]
fn refund(order: String) -> Outcome;

fn main() {}
