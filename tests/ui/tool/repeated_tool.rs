// errors: 1
use countersign::tool;

/// Twice.
#[tool]
#[tool(read_only)]
fn refund() {}

fn main() {}
