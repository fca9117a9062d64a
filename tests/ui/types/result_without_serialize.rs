// errors: 1
use countersign::tool;

struct Receipt(u64);

/// Not to JSON.
#[tool]
fn refund(order: String) -> Result<Receipt, String> {
    drop(order);
    Ok(Receipt(1))
}

fn main() {}
