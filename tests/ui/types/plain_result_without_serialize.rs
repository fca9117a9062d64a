// errors: 1
use countersign::tool;

struct Receipt(u64);

/// Not to JSON.
#[tool]
fn refund(order: String) -> Receipt {
    drop(order);
    Receipt(1)
}

fn main() {}
