// errors: 1
use countersign::tool;

/// The return type says it.
#[tool(external_execution(result = String))]
fn refund(order: String) -> String;

fn main() {}
