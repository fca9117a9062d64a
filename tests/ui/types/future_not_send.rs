// errors: 1
use std::rc::Rc;

use countersign::tool;

/// Stays on its thread.
#[tool]
async fn refund(order: String) -> usize {
    let order = Rc::new(order);
    std::future::ready(()).await;
    order.len()
}

fn main() {}
