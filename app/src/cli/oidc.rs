//! The words of `oidc`.

use std::path::PathBuf;

use clap::Subcommand;
use countersign::ActorId;

#[derive(Debug, Subcommand)]
pub(crate) enum Oidc {
    /// Let a subject of the identity provider stand for a person
    Link {
        /// For whom
        actor: ActorId,
        /// The `sub` of their tokens
        subject: String,
        /// The issuer; that of the configuration unless said
        #[arg(long, value_name = "URL")]
        issuer: Option<String>,
        /// Where the issuer is configured; `serve.toml` in the data directory unless said
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// Who says so: a person with the role `admin`
        #[arg(long = "as", value_name = "ACTOR")]
        by: ActorId,
    },
    /// List which subjects stand for whom
    List {
        /// Go on after this link, the `next` of the page before
        #[arg(long, value_name = "LINK")]
        after: Option<String>,
        /// At most this many
        #[arg(long, default_value_t = 50, value_parser = super::page())]
        limit: u16,
    },
    /// Let a subject stand for nobody
    Unlink {
        /// The id of the link, as the list has it
        link: String,
        /// Who says so: a person with the role `admin`
        #[arg(long = "as", value_name = "ACTOR")]
        by: ActorId,
    },
}
