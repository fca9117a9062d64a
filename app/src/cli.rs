//! The words of the command line. What they do is in the modules beside.

mod actors;
#[cfg(feature = "http")]
mod oidc;
#[cfg(feature = "http")]
mod outbox;
#[cfg(feature = "http")]
mod slack;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
#[cfg(feature = "http")]
use countersign::Role;
use countersign::core::grant::Span;
use countersign::schema::Dialect;
use countersign::{ActorId, CallId, GrantId, RequirementId, RunId};

pub(crate) use actors::{ActorKind, Actors, ActorsArgs};
#[cfg(feature = "http")]
pub(crate) use oidc::Oidc;
#[cfg(feature = "http")]
pub(crate) use outbox::Outbox;
#[cfg(feature = "http")]
pub(crate) use slack::Slack;

/// Everything that can be said.
#[derive(Debug, Parser)]
#[command(
    about = "Tools whose dangerous calls wait for the right people.",
    disable_help_subcommand = true,
    after_help = "Exit codes: 0 done, 10 waiting, 11 running, 20 closed without running, 21 refused,\n\
                  22 abandoned (it may have run), 23 the tool or the run failed, 1 error, 2 usage."
)]
pub(crate) struct Cli {
    /// Where everything is kept; the store is DIR/countersign.db
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Answer in JSON, one object on one line
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Where traces are kept, DIR/traces.sqlite unless said; `off` keeps none
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) traces: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the linked tools and what they demand
    Tools(ToolsArgs),
    /// Propose a call of a tool
    Call(CallArgs),
    /// Talk to an agent
    Chat(ChatArgs),
    /// List what somebody can decide now
    Inbox(InboxArgs),
    /// List the runs, the newest first
    Runs(RunsArgs),
    /// Show a call or a run and everything that happened to it
    Show(ShowArgs),
    /// Decide what a waiting call asks
    Decide(DecideArgs),
    /// List the confirmations that are remembered, or take one back
    Grants(GrantsArgs),
    /// Withdraw a call, or stop the run of an agent
    Cancel(CancelArgs),
    /// List who is known, or change it
    Actors(ActorsArgs),
    /// Say which gates a call has and why
    Explain {
        /// The call
        call: CallId,
    },
    /// Read, verify, prove, export and erase the audit log
    #[command(
        subcommand,
        after_help = "Exit codes: 0 ok, 1 tampered, 2 incomplete, 3 it could not be found out or done, 21 refused."
    )]
    Audit(Audit),
    /// List what ran and what waited, for how long, the newest first
    Traces(TracesArgs),
    /// Run what is cleared and continue what was decided, until stopped
    Worker,
    /// Serve the HTTP API and the console, and work, until stopped
    #[cfg(feature = "http")]
    Serve(ServeArgs),
    /// Print a link that signs somebody in to the console, once, within the hour
    #[cfg(feature = "http")]
    SignIn(SignInArgs),
    /// Make, list and revoke the API keys of programs and people
    #[cfg(feature = "http")]
    #[command(subcommand)]
    Key(Key),
    /// Say which subjects of an identity provider stand for whom
    #[cfg(feature = "http")]
    #[command(subcommand)]
    Oidc(Oidc),
    /// List notices to people elsewhere, and send again what was given up
    #[cfg(feature = "http")]
    #[command(subcommand)]
    Outbox(Outbox),
    /// Say which user of Slack decides as whom
    #[cfg(feature = "http")]
    #[command(subcommand)]
    Slack(Slack),
    /// Play a story with every kind of gate
    Demo,
}

impl Command {
    /// Whether it runs what is cleared, for as long as it lasts.
    pub(crate) const fn works(&self) -> bool {
        match self {
            Self::Worker => true,
            #[cfg(feature = "http")]
            Self::Serve(args) => !args.no_worker,
            _ => false,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct ToolsArgs {
    /// Print the tools as this provider's API takes them [possible values: openai, openai-strict,
    /// anthropic, gemini, mcp, json-schema]
    #[arg(long, conflicts_with_all = ["check", "lock"])]
    pub(crate) dialect: Option<Dialect>,
    /// Compare the linked tools with a reviewed tools.lock; exit 1 where they differ
    #[arg(long, value_name = "FILE", conflicts_with = "lock")]
    pub(crate) check: Option<PathBuf>,
    /// Print a tools.lock of the linked tools
    #[arg(long)]
    pub(crate) lock: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CallArgs {
    /// The tool
    pub(crate) tool: String,
    /// The arguments: JSON, @FILE, or - for standard input
    #[arg(long, value_name = "JSON", default_value = "{}")]
    pub(crate) args: String,
    /// On whose behalf
    #[arg(long = "as", value_name = "ACTOR")]
    pub(crate) by: Option<ActorId>,
    /// Join this run, of the same requester; a new one unless said
    #[arg(long, value_name = "RUN")]
    pub(crate) run: Option<RunId>,
    /// The conversation that a new run belongs to; a confirmation can be remembered for it
    #[arg(long, value_name = "NAME")]
    pub(crate) session: Option<String>,
    /// Only propose: leave running it to somebody else
    #[arg(long)]
    pub(crate) no_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ChatArgs {
    /// What to say; without it, a conversation on standard input
    pub(crate) message: Option<String>,
    /// Who speaks
    #[arg(long = "as", value_name = "ACTOR")]
    pub(crate) by: ActorId,
    /// To which agent; the first of the program unless said
    #[arg(long, value_name = "NAME")]
    pub(crate) agent: Option<String>,
    /// The conversation that this belongs to; a new one unless said
    #[arg(long, value_name = "NAME")]
    pub(crate) session: Option<String>,
    /// Go on with this run, with what was decided in the meantime
    #[arg(long = "continue", value_name = "RUN", conflicts_with_all = ["message", "agent", "session"])]
    pub(crate) run: Option<RunId>,
}

/// A call or a run, by its id.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Subject {
    Call(CallId),
    Run(RunId),
}

impl std::str::FromStr for Subject {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.starts_with("run_") {
            return text.parse().map(Self::Run).map_err(|error| format!("{error}"));
        }
        text.parse().map(Self::Call).map_err(|error| format!("{error}"))
    }
}

#[derive(Debug, Args)]
pub(crate) struct InboxArgs {
    /// Whose
    #[arg(long = "as", value_name = "ACTOR")]
    pub(crate) by: ActorId,
    /// Go on after this call, the `next` of the page before
    #[arg(long, value_name = "CALL")]
    pub(crate) after: Option<CallId>,
    /// At most about this many
    #[arg(long, default_value_t = 50, value_parser = page())]
    pub(crate) limit: u16,
}

#[derive(Debug, Args)]
pub(crate) struct RunsArgs {
    /// Go on after this run, the `next` of the page before
    #[arg(long, value_name = "RUN")]
    pub(crate) after: Option<RunId>,
    /// At most this many
    #[arg(long, default_value_t = 50, value_parser = page())]
    pub(crate) limit: u16,
}

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// The call, or the run
    #[arg(value_name = "CALL|RUN")]
    pub(crate) what: Subject,
    /// Issue a token with which the result of this call can be reported; for actors with the role
    /// `reporter`
    #[arg(long, requires = "by")]
    pub(crate) token: bool,
    /// Who asks for the token
    #[arg(long = "as", value_name = "ACTOR")]
    pub(crate) by: Option<ActorId>,
}

#[derive(Debug, Args)]
pub(crate) struct CancelArgs {
    /// The call, or the run of an agent
    #[arg(value_name = "CALL|RUN")]
    pub(crate) what: Subject,
    /// Who withdraws it: its requester or an operator
    #[arg(long = "as", value_name = "ACTOR")]
    pub(crate) by: ActorId,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct DecideArgs {
    /// What is decided: the id of a requirement
    pub(crate) requirement: RequirementId,
    /// What is said about it
    pub(crate) verb: Verb,
    /// Who decides
    #[arg(long = "as", value_name = "ACTOR", required_unless_present = "token")]
    pub(crate) by: Option<ActorId>,
    /// Why, in the decider's words
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// amend: all arguments anew, as JSON, @FILE or -
    #[arg(long, value_name = "JSON", required_if_eq("verb", "amend"))]
    pub(crate) arguments: Option<String>,
    /// fill: an object with the fields that were asked for, as JSON, @FILE or -
    #[arg(long, value_name = "JSON", required_if_eq("verb", "fill"))]
    pub(crate) values: Option<String>,
    /// answer, report, done: the result, as JSON, @FILE or -
    #[arg(long, value_name = "JSON", required_if_eq_any([("verb", "answer"), ("verb", "done")]))]
    pub(crate) result: Option<String>,
    /// report: the work failed, and why
    #[arg(long, value_name = "TEXT", conflicts_with = "result")]
    pub(crate) failed: Option<String>,
    /// report: the call's reporting token, in place of --as; also as @FILE or -
    #[arg(long, value_name = "TOKEN")]
    pub(crate) token: Option<String>,
    /// confirm: do not ask again about calls with the same arguments, or with any
    #[arg(long, value_name = "CALLS")]
    pub(crate) remember: Option<Which>,
    /// confirm: where that holds: run, session, or until=TIME, such as until=2026-12-24T18:00:00Z
    #[arg(long, value_name = "SCOPE", default_value = "run", value_parser = span, requires = "remember")]
    pub(crate) scope: Span,
    /// confirm: for how many calls, 1 to 1000
    #[arg(long, value_name = "N", requires = "remember")]
    pub(crate) uses: Option<u32>,
    /// Only decide: leave running it to somebody else
    #[arg(long)]
    pub(crate) no_run: bool,
}

#[cfg(feature = "http")]
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8440")]
    pub(crate) listen: std::net::SocketAddr,
    /// The certificate chain, PEM
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The key of the certificate, PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
    /// A proxy in front speaks TLS with the world; allows to listen beyond this machine without
    #[arg(long, conflicts_with = "tls_cert")]
    pub(crate) behind_proxy: bool,
    /// How people reach it, for links, such as <https://ops.example>
    #[arg(long, value_name = "URL")]
    pub(crate) public_url: Option<String>,
    /// Requests of one actor per second, on average
    #[arg(long, value_name = "N", default_value_t = crate::server::PER_SECOND, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) rate: u32,
    /// Only serve: leave running what is cleared to another process
    #[arg(long)]
    pub(crate) no_worker: bool,
    /// How to reach people and programs elsewhere; `serve.toml` in the data directory unless said
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

#[cfg(feature = "http")]
impl ServeArgs {
    /// Where and how to listen.
    pub(crate) fn place(&self) -> crate::server::Place {
        crate::server::Place {
            listen: self.listen,
            tls: self.tls_cert.clone().zip(self.tls_key.clone()),
            behind_proxy: self.behind_proxy,
        }
    }

    /// Where people find it.
    pub(crate) fn base(&self, at: std::net::SocketAddr, configured: Option<&str>) -> String {
        let scheme = if self.tls_cert.is_some() { "https" } else { "http" };
        let own = || format!("{scheme}://{at}");
        let given = self.public_url.as_deref().or(configured);
        given.map_or_else(own, |it| it.trim_end_matches('/').to_owned())
    }

    /// Whether links to sign in are printed: only where nobody but this machine gets in.
    pub(crate) const fn prints_links(&self) -> bool {
        self.tls_cert.is_none() && !self.behind_proxy
    }
}

#[cfg(feature = "http")]
#[derive(Debug, Args)]
pub(crate) struct SignInArgs {
    /// Who
    pub(crate) actor: ActorId,
    /// How people reach the server
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8440")]
    pub(crate) url: String,
}

#[cfg(feature = "http")]
#[derive(Debug, Subcommand)]
pub(crate) enum Key {
    /// Make one; its secret is shown this once
    Create {
        /// Whose
        #[arg(long, value_name = "ACTOR")]
        actor: ActorId,
        /// Only these of its actor's roles; all of them unless said
        #[arg(long = "role", value_name = "ROLE")]
        roles: Vec<Role>,
        /// What it is for
        #[arg(long, value_name = "TEXT")]
        label: Option<String>,
        /// For how many days
        #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(u32).range(1..=3650))]
        days: u32,
    },
    /// List them, without their secrets
    List {
        /// Only of this actor
        #[arg(long, value_name = "ACTOR")]
        actor: Option<ActorId>,
        /// Go on after this key, the `next` of the page before
        #[arg(long, value_name = "KEY")]
        after: Option<String>,
        /// At most this many
        #[arg(long, default_value_t = 50, value_parser = page())]
        limit: u16,
    },
    /// Revoke one: it counts no more
    Revoke {
        /// Its id, as the list has it
        key: String,
    },
}

/// Which later calls a remembered confirmation is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Which {
    /// Those with the same arguments
    Exact,
    /// All of the tool; never of a destructive one
    Any,
}

/// `run`, `session` or `until=TIME`.
fn span(text: &str) -> Result<Span, String> {
    match (text, text.strip_prefix("until=")) {
        ("run", _) => Ok(Span::Run),
        ("session", _) => Ok(Span::Session),
        (_, Some(time)) => {
            // Whole seconds are what people type.
            let whole = || format!("{}.000Z", time.strip_suffix('Z').unwrap_or(time));
            let time = time.parse().or_else(|error| whole().parse().map_err(|_| error));
            time.map(Span::Until)
                .map_err(|error| format!("{error}, nor 2026-05-04T09:30:00Z"))
        }
        _ => Err("say run, session or until=TIME".to_owned()),
    }
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct GrantsArgs {
    #[command(subcommand)]
    pub(crate) command: Option<Grants>,
    /// Only those of this actor
    #[arg(long = "as", value_name = "ACTOR")]
    pub(crate) by: Option<ActorId>,
    /// Go on after this grant, the `next` of the page before
    #[arg(long, value_name = "GRANT")]
    pub(crate) after: Option<GrantId>,
    /// At most this many
    #[arg(long, default_value_t = 50, value_parser = page())]
    pub(crate) limit: u16,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Grants {
    /// Take one back: its owner or an operator
    Revoke {
        /// Which
        grant: GrantId,
        /// Who takes it back
        #[arg(long = "as", value_name = "ACTOR")]
        by: ActorId,
    },
}

/// What can be said about a requirement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Verb {
    /// The requester confirms this exact call
    Confirm,
    /// The requester replaces all arguments (--arguments)
    Amend,
    /// The requester gives the answer in place of the tool (--result)
    Answer,
    /// The requester or a pool member says no (--reason)
    Reject,
    /// The requester fills the asked fields in (--values)
    Fill,
    /// A pool member approves
    Approve,
    /// The outside system reports (--result or --failed; --as or --token)
    Report,
    /// The requester or an operator has the gates asked anew
    Reask,
    /// An operator: run the call in doubt again (--reason)
    Retry,
    /// An operator: it was handed over, the outside will report (--reason)
    HandedOff,
    /// An operator: it ran, with this result (--result, --reason)
    Done,
    /// An operator: give it up (--reason)
    Abandon,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// List entries, the oldest first
    Log(LogArgs),
    /// Check that nothing was changed, and that what is told can have happened
    Verify(VerifyArgs),
    /// Sign the log as it is now, and print the checkpoint
    Checkpoint {
        /// Write it to this file instead
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Print a receipt that proves one entry without the database
    Prove {
        /// The number of the entry
        seq: u64,
        /// Write it to this file instead
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Write entries, checkpoints and the public key to a new directory
    Export {
        /// The directory
        dir: PathBuf,
    },
    /// Erase the words of a closed call: arguments, reasons and results
    Erase(EraseArgs),
    /// Forbid to erase, or list what is held
    Hold(HoldArgs),
}

#[derive(Debug, Default, Args)]
pub(crate) struct VerifyArgs {
    /// A checkpoint of this log that was kept elsewhere
    #[arg(long, value_name = "FILE")]
    pub(crate) checkpoint: Option<PathBuf>,
    /// The public key (NAME+ID+BASE64), or a file with it; that of the signing key in DIR unless said
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<String>,
    /// Where this verifier keeps how far it came, to read only what is new
    #[arg(long, value_name = "FILE")]
    pub(crate) state: Option<PathBuf>,
    /// Verify an exported log
    #[arg(long, value_name = "DIR", conflicts_with = "receipt")]
    pub(crate) export: Option<PathBuf>,
    /// Verify a receipt
    #[arg(long, value_name = "FILE", conflicts_with_all = ["checkpoint", "state"])]
    pub(crate) receipt: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct EraseArgs {
    /// The call
    pub(crate) call: CallId,
    /// Who erases: a person with the role `operator`
    #[arg(long = "as", value_name = "ACTOR")]
    pub(crate) by: ActorId,
    /// On which legal ground, without personal data; it stays in the log
    #[arg(long, value_name = "TEXT")]
    pub(crate) basis: String,
}

#[derive(Debug, Args)]
pub(crate) struct HoldArgs {
    /// The call
    #[arg(conflicts_with = "all", requires = "by")]
    pub(crate) call: Option<CallId>,
    /// The whole log
    #[arg(long, requires = "by")]
    pub(crate) all: bool,
    /// End the hold
    #[arg(long, requires = "by")]
    pub(crate) lift: bool,
    /// Who holds or lifts: a person with the role `auditor`
    #[arg(long = "as", value_name = "ACTOR", requires = "basis")]
    pub(crate) by: Option<ActorId>,
    /// On which legal ground, without personal data; it stays in the log
    #[arg(long, value_name = "TEXT", requires = "by")]
    pub(crate) basis: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct LogArgs {
    /// Only of this call
    #[arg(long, value_name = "CALL")]
    pub(crate) call: Option<CallId>,
    /// Go on after this entry, the `next` of the page before
    #[arg(long, value_name = "SEQ")]
    pub(crate) after: Option<u64>,
    /// At most this many
    #[arg(long, default_value_t = 100, value_parser = page())]
    pub(crate) limit: u16,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct TracesArgs {
    #[command(subcommand)]
    pub(crate) what: Option<TracesCommand>,
    /// Go on after the trace of this call, the `next` of the page before
    #[arg(long, value_name = "CALL")]
    pub(crate) after: Option<CallId>,
    /// At most this many
    #[arg(long, default_value_t = 50, value_parser = page())]
    pub(crate) limit: u16,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TracesCommand {
    /// Show all spans of a call, those of the tools it called too
    Show {
        /// The call
        call: CallId,
    },
    /// Delete old spans
    Prune {
        /// How old: 30d, 12h
        #[arg(long, value_name = "AGE", default_value = "30d", value_parser = humantime::parse_duration)]
        older_than: Duration,
    },
}

/// One page: 1 to 1000.
fn page() -> clap::builder::RangedI64ValueParser<u16> {
    clap::value_parser!(u16).range(1..=1000)
}
