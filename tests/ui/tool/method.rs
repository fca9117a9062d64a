// errors: 1
use countersign::tool;

struct Ledger;

impl Ledger {
    /// A method.
    #[tool]
    fn refund(&self, order: String) {
        drop(order);
    }
}

fn main() {}
