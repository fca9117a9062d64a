// errors: 1
use countersign::tool;

/// Not the context.
#[tool]
fn refund(#[context] context: String, order: String) {
    drop((context, order));
}

fn main() {}
