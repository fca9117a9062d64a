// errors: 1
use countersign::tool;

#[derive(Debug, serde::Serialize)]
struct Refused;

/// An error without words.
#[tool(requires_confirmation)]
async fn refund(order: String) -> Result<u8, Refused> {
    drop(order);
    Ok(1)
}

fn main() {}
