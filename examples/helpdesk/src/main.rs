//! The `helpdesk` program.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    match helpdesk::app() {
        Ok(app) => app.main().await,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
