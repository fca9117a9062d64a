// errors: 1
use countersign::tool;

#[tool]
fn refund(order: String) {
    drop(order);
}

fn main() {}
