// errors: 1
use countersign::tool;

/// A yes or no, but not why.
#[tool(check = start < end)]
fn book(start: u64, end: u64) {
    let _ = (start, end);
}

fn main() {}
