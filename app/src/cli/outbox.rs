//! The words of `outbox`.

use clap::Subcommand;
use countersign::ActorId;

use super::page;
use crate::outbox::look::State;

#[derive(Debug, Subcommand)]
pub(crate) enum Outbox {
    /// List them
    List {
        /// due, sent, or dead: given up
        #[arg(long, value_name = "STATE", default_value = "due")]
        state: State,
        /// Go on after this notice, the `next` of the page before
        #[arg(long, value_name = "NOTICE")]
        after: Option<String>,
        /// At most this many
        #[arg(long, default_value_t = 50, value_parser = page())]
        limit: u16,
    },
    /// Send one again that was given up
    Again {
        /// Its id, as the list has it
        #[arg(value_name = "NOTICE")]
        id: String,
        /// Who wants it: an operator or an admin
        #[arg(long = "as", value_name = "ACTOR")]
        by: ActorId,
    },
}
