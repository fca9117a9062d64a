// errors: 1
use countersign::tool;

/// Not a number.
#[tool]
fn refund(#[arg(default = "3")] cents: u64) {
    let _ = cents;
}

fn main() {}
