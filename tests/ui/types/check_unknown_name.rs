// errors: 1
use countersign::tool;

/// Nothing of this name.
#[tool(check = in_order(start, end))]
fn book(start: u64, end: u64) {
    let _ = (start, end);
}

fn main() {}
