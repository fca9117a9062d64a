// errors: 1
use countersign::tool;

/// Checks nothing.
#[tool(check)]
fn book(start: u64, end: u64) {
    let _ = (start, end);
}

fn main() {}
