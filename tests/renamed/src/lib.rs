//! Tools of a crate that depends on Countersign under another name.

use signed::{approval, tool};

/// Add two numbers.
#[tool]
pub fn add(a: i64, b: i64) -> i64 {
    a + b
}

/// Forget everything.
#[tool]
#[approval(required, pool = "elders", when = sure.is_empty())]
#[signed::approval(audit)]
pub async fn forget(sure: String) -> Result<(), String> {
    std::future::ready(sure).await;
    Ok(())
}
