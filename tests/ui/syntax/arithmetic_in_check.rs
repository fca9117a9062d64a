// errors: 1
use countersign::tool;

/// Wraps.
#[tool(check = if *start + 1 < *end { Ok(()) } else { Err("reversed") })]
fn book(start: u64, end: u64) {
    let _ = (start, end);
}

fn main() {}
