// errors: 2
use countersign::tool;

/// Borrowed inside.
#[tool]
fn refund(orders: Vec<&str>, codes: Option<Box<[&u8]>>) {
    drop((orders, codes));
}

fn main() {}
