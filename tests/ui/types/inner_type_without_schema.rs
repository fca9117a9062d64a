// errors: 1
use countersign::tool;
use serde::Deserialize;

#[derive(Deserialize)]
struct Line(u64);

/// No schema inside.
#[tool]
fn refund(order: String, lines: Option<Vec<Line>>) {
    drop((order, lines));
}

fn main() {}
