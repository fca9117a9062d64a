// errors: 1
use countersign::tool;

/// A typing error.
#[tool]
fn refund(#[arg(defualt = 3)] cents: u64) {
    let _ = cents;
}

fn main() {}
