// errors: 1
use countersign::tool;

/// A pattern.
#[tool]
fn refund((order, lines): (String, u8)) {
    drop((order, lines));
}

fn main() {}
