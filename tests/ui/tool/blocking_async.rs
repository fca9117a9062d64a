// errors: 1
use countersign::tool;

/// Async does not block.
#[tool(blocking)]
async fn refund(order: String) {
    drop(order);
}

fn main() {}
