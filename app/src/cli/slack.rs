//! The words of `slack`.

use clap::Subcommand;
use countersign::ActorId;

use crate::slack::people::User;

#[derive(Debug, Subcommand)]
pub(crate) enum Slack {
    /// List which user of Slack decides as whom
    List {
        /// Only those of this person
        #[arg(long, value_name = "ACTOR")]
        actor: Option<ActorId>,
        /// Go on after this user
        #[arg(long, value_name = "USER")]
        after: Option<String>,
        /// At most this many
        #[arg(long, value_name = "N", default_value = "100", value_parser = clap::value_parser!(u16).range(1..=500))]
        limit: u16,
    },
    /// Let a user of Slack decide as a person
    Link {
        /// The person
        actor: ActorId,
        /// Workspace and user: T0123/U0456
        user: User,
        /// Who says so: a person with the role `admin`
        #[arg(long = "as", value_name = "ACTOR")]
        by: ActorId,
    },
    /// Let a user of Slack decide as nobody any more
    Unlink {
        /// Workspace and user: T0123/U0456
        user: User,
        /// Who says so: a person with the role `admin`
        #[arg(long = "as", value_name = "ACTOR")]
        by: ActorId,
    },
}
