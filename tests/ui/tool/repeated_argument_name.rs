// errors: 1
use countersign::tool;

/// Two of one name.
#[tool]
fn refund(order: String, #[arg(rename = "order")] number: u64) {
    drop((order, number));
}

fn main() {}
