//! The `feedback` program.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    match feedback::app() {
        Ok(app) => app.main().await,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
