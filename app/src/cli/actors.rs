//! The words of `actors`.

use clap::{Args, Subcommand, ValueEnum};
use countersign::{ActorId, Role};

#[derive(Debug, Args)]
pub(crate) struct ActorsArgs {
    #[command(subcommand)]
    pub(crate) command: Option<Actors>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Actors {
    /// Make somebody known, or change what they are: all of it anew
    Set {
        /// Who
        actor: ActorId,
        /// What kind of actor
        #[arg(long)]
        kind: ActorKind,
        /// Each of its roles; no role unless said
        #[arg(long = "role", value_name = "ROLE")]
        roles: Vec<Role>,
        /// The person who answers for an agent
        #[arg(long, value_name = "ACTOR")]
        owner: Option<ActorId>,
        /// It is the person who made themselves known under this name at sign-in
        #[arg(long)]
        introduced: bool,
        /// Who says so: a person with the role `admin`
        #[arg(long = "as", value_name = "ACTOR")]
        by: ActorId,
    },
    /// Forget somebody, who may do nothing then
    Remove {
        /// Who
        actor: ActorId,
        /// Who says so: a person with the role `admin`
        #[arg(long = "as", value_name = "ACTOR")]
        by: ActorId,
    },
}

/// What kind of actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ActorKind {
    /// A human being
    Person,
    /// A program that no model steers
    Service,
    /// A program that a model steers
    Agent,
}
