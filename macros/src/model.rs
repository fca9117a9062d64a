//! What the attributes say: first as read ([`Options`]), then as checked ([`Tool`]).
//!
//! Every value keeps the token it came from, so that any later rule can underline it.

use std::time::Duration;

use proc_macro2::{Group, Span, TokenStream};
use syn::{Attribute, Expr, Ident, LitStr, Path, Signature, Type, Visibility};

use crate::names::Paths;

/// A function and the attributes on it, whichever ran first.
pub(crate) struct Source {
    /// What stands in `#[tool(…)]`.
    pub(crate) options: TokenStream,
    /// What stands in each `#[approval(…)]`, in the order written, with where it stands.
    pub(crate) approvals: Vec<(TokenStream, Span)>,
    /// The other attributes.
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    pub(crate) signature: Signature,
    /// The body with its braces; none if the function ends at its signature.
    pub(crate) body: Option<Group>,
}

/// `#[tool(…)]` and all `#[approval(…)]`, as read.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) name: Option<LitStr>,
    pub(crate) title: Option<LitStr>,
    pub(crate) description: Option<LitStr>,
    pub(crate) confirmation: Option<Confirmation>,
    pub(crate) user_input: Option<UserInput>,
    pub(crate) external: Option<External>,
    pub(crate) read_only: Option<Ident>,
    pub(crate) destructive: Option<Ident>,
    pub(crate) idempotent: Option<Ident>,
    pub(crate) open_world: Option<Ident>,
    pub(crate) blocking: Option<Ident>,
    pub(crate) timeout: Option<(Ident, Duration)>,
    pub(crate) ungated: Option<(Ident, LitStr)>,
    /// What must hold of the arguments together: a `Result<(), E>`.
    pub(crate) check: Option<Expr>,
    pub(crate) unlisted: Option<Ident>,
    pub(crate) krate: Option<Path>,
    pub(crate) approvals: Vec<Approval>,
    pub(crate) audits: Vec<Audit>,
}

/// `requires_confirmation`
#[derive(Default)]
pub(crate) struct Confirmation {
    pub(crate) when: Option<Expr>,
    pub(crate) expires_in: Option<Duration>,
}

/// `requires_user_input`
pub(crate) struct UserInput {
    pub(crate) word: Ident,
    /// The fields listed; empty for "all".
    pub(crate) fields: Vec<Ident>,
    pub(crate) expires_in: Option<Duration>,
}

/// `external_execution`
#[derive(Default)]
pub(crate) struct External {
    pub(crate) result: Option<(Ident, Type)>,
    pub(crate) expires_in: Option<Duration>,
}

/// `#[approval(required, …)]`
pub(crate) struct Approval {
    pub(crate) required: Ident,
    pub(crate) pool: Option<LitStr>,
    pub(crate) quorum: u16,
    pub(crate) when: Option<Expr>,
    pub(crate) expires_in: Option<Duration>,
}

/// `#[approval(audit, …)]`
pub(crate) struct Audit {
    pub(crate) audit: Ident,
    pub(crate) when: Option<Expr>,
}

/// One parameter, as read.
pub(crate) struct Parameter {
    pub(crate) ident: Ident,
    pub(crate) ty: Type,
    pub(crate) role: Role,
    /// Its doc comment.
    pub(crate) docs: Vec<Expr>,
}

/// Where the value of a parameter comes from.
pub(crate) enum Role {
    /// From the caller.
    Plain(Box<Argument>),
    /// From the program.
    State,
    /// From the call itself.
    Context,
}

/// `#[arg(…)]`
pub(crate) struct Argument {
    /// The name that the JSON uses.
    pub(crate) name: String,
    pub(crate) default: Option<Expr>,
    pub(crate) example: Option<Expr>,
    pub(crate) secret: bool,
}

/// A checked tool: all that is emitted is decided here.
pub(crate) struct Tool {
    pub(crate) paths: Paths,
    /// What the model calls it, and where that was written.
    pub(crate) name: (String, Span),
    pub(crate) description: Vec<Expr>,
    pub(crate) options: Options,
    /// The JSON names of the parameters that a person fills in.
    pub(crate) fields: Vec<String>,
    pub(crate) parameters: Vec<Parameter>,
    /// The attributes for the function, without its doc comments.
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) docs: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    /// As written, but for the attributes on the parameters.
    pub(crate) signature: Signature,
    pub(crate) body: Option<Group>,
}

impl Tool {
    /// Whether anything stands between a caller and the function. Such a function has no value of its
    /// name. Audited ones count: they must not be called around their record.
    pub(crate) fn is_gated(&self) -> bool {
        self.asks() || !self.options.audits.is_empty()
    }

    /// Whether anybody is asked, or another system runs it.
    pub(crate) fn asks(&self) -> bool {
        self.options.asks()
    }

    /// The plain parameters with their places in the signature.
    pub(crate) fn arguments(&self) -> impl Iterator<Item = (usize, &Parameter, &Argument)> {
        self.parameters
            .iter()
            .enumerate()
            .filter_map(|(place, it)| match &it.role {
                Role::Plain(argument) => Some((place, it, &**argument)),
                Role::State | Role::Context => None,
            })
    }
}

impl Options {
    /// Whether any gate is declared.
    pub(crate) fn asks(&self) -> bool {
        self.confirmation.is_some()
            || self.user_input.is_some()
            || self.external.is_some()
            || !self.approvals.is_empty()
    }

    /// Every condition, confirmation first, then approvals and audit in the order written.
    pub(crate) fn conditions(&self) -> impl Iterator<Item = &Expr> {
        let confirmation = self.confirmation.iter().filter_map(|it| it.when.as_ref());
        let approvals = self.approvals.iter().filter_map(|it| it.when.as_ref());
        let audits = self.audits.iter().filter_map(|it| it.when.as_ref());
        confirmation.chain(approvals).chain(audits)
    }
}
