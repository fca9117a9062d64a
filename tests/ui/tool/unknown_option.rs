// errors: 4
use countersign::tool;

/// A typing error.
#[tool(requires_confirm)]
fn refund(order: String) {
    drop(order);
}

/// Options of the other attribute.
#[tool(pool = "finance")]
fn export() {}

/// A gate's option on the tool.
#[tool(when = true)]
fn restart() {}

/// Something else.
#[tool(colour = "red")]
fn paint() {}

fn main() {}
