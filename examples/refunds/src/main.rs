//! The `refunds` program.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    refunds::app().main().await
}
