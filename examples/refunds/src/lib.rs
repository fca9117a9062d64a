//! A support desk whose dangerous tools wait for the right people.
//!
//! The tools are in [`tools`]; what they act on are real files in the data directory, see [`Books`].

mod story;
pub mod tools;

use countersign_app::App;
pub use example_kit::{Books, BooksError};

/// Who exists and which pools they form.
pub const POLICY: &str = include_str!("../countersign.toml");

/// The program: its policy, its books and its story.
pub fn app() -> App {
    App::new("refunds")
        .policy(POLICY)
        .state_with(Books::open)
        .effects(|data| match story::ledger(data, 3).as_str() {
            "" => String::new(),
            lines => format!("The ledger ends with\n{lines}"),
        })
        .demo(|stage| Box::pin(story::play(stage)))
}
