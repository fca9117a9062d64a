//! An agent whose dangerous calls climb a ladder of approvals: the person who asks, a manager, two of finance.
//!
//! The tools are in [`tools`], what the agent says without a provider's key is in [`script`].

pub mod script;
mod story;
pub mod tools;

use countersign_agent::{Agent, ModelError};
use countersign_app::App;
use example_kit::{Books, script::model};

/// Who exists and which pools they form.
pub const POLICY: &str = include_str!("../countersign.toml");

const INSTRUCTIONS: &str = "You are the clerk of a shop. You look at accounts, pay refunds, delete accounts, export \
    what is known of a customer, and report what was paid. Amounts of tools are in cents. Propose what you are asked \
    for at once: people decide about it, and nobody needs to be asked in words first. What a person rejected stays \
    rejected.";

/// The program: its policy, its books, its agent and its story.
pub fn app() -> App {
    App::new("approvals")
        .policy(POLICY)
        .state_with(Books::open)
        .agent_with(|_, _| async {
            let model = model(script::clerk)?;
            Ok::<_, ModelError>(
                Agent::builder("clerk")
                    .shared_model(model)
                    .instructions(INSTRUCTIONS),
            )
        })
        .demo(|stage| Box::pin(story::play(stage)))
}
