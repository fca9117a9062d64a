//! The `countersign` program: decisions, lists and the audit log of any data directory, without its tools.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    countersign_app::App::guest("countersign").main().await
}
