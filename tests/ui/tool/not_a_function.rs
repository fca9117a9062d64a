// errors: 1
use countersign::tool;

/// Not a tool.
#[tool]
struct Refund;

fn main() {}
