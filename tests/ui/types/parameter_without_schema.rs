// errors: 1
use countersign::tool;
use serde::Deserialize;

#[derive(Deserialize)]
struct Order(u64);

/// No schema.
#[tool(requires_confirmation(when = order.0 > 3))]
async fn refund(order: Order, #[arg(default = 3)] n: u8) {
    drop((order, n));
}

fn main() {}
