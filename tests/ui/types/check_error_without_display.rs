// errors: 1
use countersign::tool;

struct Reversed;

/// No words for the model.
#[tool(check = if start < end { Ok(()) } else { Err(Reversed) })]
fn book(start: u64, end: u64) {
    let _ = (start, end);
}

fn main() {}
