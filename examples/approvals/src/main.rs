//! The `approvals` program.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    approvals::app().main().await
}
