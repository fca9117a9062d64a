//! Reads the options of both attributes and of `#[arg]`.
//!
//! One option that does not parse costs that option only: the rest is still read, so that all
//! mistakes are shown together.

use std::time::Duration;

use proc_macro2::{Span, TokenStream};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Expr, ExprLit, Ident, Lit, LitStr, Path, Token, Type, token};

use crate::errors::Errors;
use crate::model::{Approval, Argument, Audit, Confirmation, External, Options, Source, UserInput};
use crate::names::did_you_mean;

const TOOL: &[&str] = &[
    "name",
    "title",
    "description",
    "requires_confirmation",
    "requires_user_input",
    "external_execution",
    "read_only",
    "destructive",
    "idempotent",
    "open_world",
    "timeout",
    "blocking",
    "ungated",
    "check",
    "unlisted",
    "crate",
];
const APPROVAL: &[&str] = &["required", "audit", "pool", "quorum", "expires_in", "when"];

/// What both attributes say.
pub(crate) fn options(source: &Source, errors: &Errors) -> Options {
    let mut options = tool(source.options.clone(), errors);
    for (tokens, span) in &source.approvals {
        approval(tokens.clone(), *span, &mut options, errors);
    }
    options
}

/// `crate = PATH`, needed before anything else is read.
pub(crate) fn stated_crate(options: &TokenStream) -> Option<Path> {
    let mut found = None;
    each(options.clone(), &Errors::default(), |it| {
        if it.word == "crate" && it.input.peek(Token![=]) {
            found = Some(it.value()?);
        }
        it.skip();
        Ok(())
    });
    found
}

// #[tool]
// #[tool(name = "billing.refund", title = "Refund", description = "…")]
// #[tool(requires_confirmation)]            #[tool(requires_confirmation(when = EXPR, expires_in = "48h"))]
// #[tool(requires_user_input)]              #[tool(requires_user_input(FIELD, …, expires_in = "48h"))]
// #[tool(external_execution)]               #[tool(external_execution(result = TYPE, expires_in = "48h"))]
// #[tool(read_only | destructive | idempotent | open_world)]
// #[tool(timeout = "30s", blocking)]
// #[tool(ungated = "reason")]
// #[tool(check = EXPR)]
// #[tool(unlisted)]
// #[tool(crate = PATH)]
fn tool(tokens: TokenStream, errors: &Errors) -> Options {
    let mut all = Options::default();
    each(tokens, errors, |it| {
        let word = it.word.clone();
        match word.unraw().to_string().as_str() {
            "name" => all.name = it.string("\"billing.refund\"")?,
            "title" => all.title = it.string("\"Refund a customer\"")?,
            "description" => all.description = it.string("\"…\"")?,
            "requires_confirmation" => all.confirmation = Some(confirmation(it)?),
            "requires_user_input" => all.user_input = Some(user_input(it)?),
            "external_execution" => all.external = Some(external(it)?),
            "read_only" => all.read_only = it.flag(),
            "destructive" => all.destructive = it.flag(),
            "idempotent" => all.idempotent = it.flag(),
            "open_world" => all.open_world = it.flag(),
            "blocking" => all.blocking = it.flag(),
            "timeout" => all.timeout = it.duration("\"30s\"")?.map(|span| (word, span)),
            "ungated" => all.ungated = it.string("\"reason\"")?.map(|reason| (word, reason)),
            "unlisted" => all.unlisted = it.flag(),
            "check" => all.check = it.required_value("EXPR")?,
            "crate" => all.krate = it.required_value("path::to::countersign")?,
            _ => it.unknown("tool", TOOL),
        }
        Ok(())
    });
    all
}

// requires_confirmation
// requires_confirmation(when = EXPR, expires_in = "48h")
fn confirmation(option: &Entry<'_>) -> syn::Result<Confirmation> {
    let mut all = Confirmation::default();
    option.list(|it| {
        match it.word.to_string().as_str() {
            "when" => all.when = it.required_value("EXPR")?,
            "expires_in" => all.expires_in = it.duration("\"48h\"")?,
            _ => it.unknown("tool(requires_confirmation)", &["when", "expires_in"]),
        }
        Ok(())
    })?;
    Ok(all)
}

// requires_user_input
// requires_user_input(FIELD, …, expires_in = "48h")
fn user_input(option: &Entry<'_>) -> syn::Result<UserInput> {
    let mut all = UserInput {
        word: option.word.clone(),
        fields: Vec::new(),
        expires_in: None,
    };
    let mut listed = false;
    let parentheses = option.list(|it| {
        listed = true;
        if it.word == "expires_in" && it.input.peek(Token![=]) {
            all.expires_in = it.duration("\"48h\"")?;
        } else if it.flag().is_some() {
            all.fields.push(it.word.clone());
        }
        Ok(())
    })?;
    if parentheses && !listed {
        option.errors.no_fields(&option.word);
    }
    Ok(all)
}

// external_execution
// external_execution(result = TYPE, expires_in = "48h")
fn external(option: &Entry<'_>) -> syn::Result<External> {
    let mut all = External::default();
    option.list(|it| {
        match it.word.to_string().as_str() {
            "result" => all.result = it.required_value::<Type>("TYPE")?.map(|ty| (it.word.clone(), ty)),
            "expires_in" => all.expires_in = it.duration("\"48h\"")?,
            _ => it.unknown("tool(external_execution)", &["result", "expires_in"]),
        }
        Ok(())
    })?;
    Ok(all)
}

// #[approval(required)]
// #[approval(required, pool = "…", quorum = N, expires_in = "48h", when = EXPR)]
// #[approval(audit)]
// #[approval(audit, when = EXPR)]
fn approval(tokens: TokenStream, span: Span, options: &mut Options, errors: &Errors) {
    let before = errors.count();
    let (mut required, mut audit, mut pool, mut quorum) = (None, None, None, None);
    let (mut when, mut expires_in, mut waits) = (None, None, Vec::new());
    each(tokens, errors, |it| {
        let word = it.word.to_string();
        if matches!(word.as_str(), "pool" | "quorum" | "expires_in") {
            waits.push(it.word.clone());
        }
        match word.as_str() {
            "required" => required = it.flag(),
            "audit" => audit = it.flag(),
            "pool" => pool = it.string("\"finance\"")?,
            "quorum" => quorum = it.required_value("2")?.and_then(|it| self::quorum(&it, errors)),
            "when" => when = it.required_value("EXPR")?,
            "expires_in" => expires_in = it.duration("\"48h\"")?,
            _ => it.unknown("approval", APPROVAL),
        }
        Ok(())
    });
    match (required, audit) {
        (Some(required), None) => options.approvals.push(Approval {
            required,
            pool,
            quorum: quorum.unwrap_or(1),
            when,
            expires_in,
        }),
        (None, Some(audit)) => {
            for word in &waits {
                errors.pool_on_audit(word);
            }
            options.audits.push(Audit { audit, when });
        }
        (Some(_), Some(audit)) => errors.required_and_audit(&audit),
        // Something that did not parse may have been it.
        (None, None) if errors.count() > before => {}
        (None, None) => errors.required_or_audit(span),
    }
}

fn quorum(value: &Expr, errors: &Errors) -> Option<u16> {
    let people = match value {
        Expr::Lit(ExprLit {
            lit: Lit::Int(it), ..
        }) => it.base10_parse::<u16>().ok(),
        _ => None,
    };
    match people {
        Some(0) => errors.zero_quorum(value),
        None => errors.bad_quorum(value),
        Some(_) => {}
    }
    people
}

// #[arg(default = EXPR, rename = "…", secret, example = EXPR)]
/// Adds what one `#[arg(…)]` says to `argument`; the renaming literal is kept for messages.
pub(crate) fn argument(
    tokens: TokenStream,
    argument: &mut Argument,
    rename: &mut Option<LitStr>,
    errors: &Errors,
) {
    each(tokens, errors, |it| {
        match it.word.to_string().as_str() {
            "default" => argument.default = it.required_value("EXPR")?,
            "example" => argument.example = it.required_value("EXPR")?,
            "rename" => *rename = it.string("\"…\"")?,
            "secret" => argument.secret = it.flag().is_some(),
            _ => it.unknown("arg", &["default", "example", "rename", "secret"]),
        }
        Ok(())
    });
}

/// One option of a list: its word has been read, the rest stands in `input`.
struct Entry<'a> {
    word: Ident,
    input: ParseStream<'a>,
    errors: &'a Errors,
}

/// Calls `read` for every option in `tokens`. The one place that knows what "given twice" is.
fn each(tokens: TokenStream, errors: &Errors, read: impl FnMut(&Entry<'_>) -> syn::Result<()>) {
    let parser = |input: ParseStream<'_>| {
        each_in(input, errors, read);
        Ok(())
    };
    if let Err(error) = parser.parse2(tokens) {
        errors.syntax(error);
    }
}

fn each_in(input: ParseStream<'_>, errors: &Errors, mut read: impl FnMut(&Entry<'_>) -> syn::Result<()>) {
    let mut seen = Vec::<Ident>::new();
    while !input.is_empty() {
        let mut one = || {
            if !input.peek(Ident::peek_any) {
                return Err(input.error("expected an option, such as `word` or `word = value`"));
            }
            let word = input.call(Ident::parse_any)?;
            let entry = Entry { word, input, errors };
            if seen.contains(&entry.word) {
                errors.repeated_option(&entry.word);
                entry.skip();
                return Ok(());
            }
            seen.push(entry.word.clone());
            read(&entry)?;
            if !input.is_empty() && !input.peek(Token![,]) {
                return Err(input.error("expected `,` and another option"));
            }
            Ok(())
        };
        if let Err(error) = one() {
            errors.syntax(error);
        }
        skip_to_comma(input);
        let _ = input.parse::<Token![,]>();
    }
}

fn skip_to_comma(input: ParseStream<'_>) {
    while !input.is_empty() && !input.peek(Token![,]) {
        let _ = input.parse::<proc_macro2::TokenTree>();
    }
}

impl Entry<'_> {
    /// A word alone.
    fn flag(&self) -> Option<Ident> {
        if self.input.peek(Token![=]) {
            let _ = self.input.parse::<Token![=]>();
            match self.input.parse::<Expr>() {
                Ok(value) => self.errors.unexpected_value(&self.word, &value),
                Err(error) => self.errors.syntax(error),
            }
            return None;
        }
        if self.input.peek(token::Paren) {
            if let Ok(list) = self.input.parse::<proc_macro2::TokenTree>() {
                self.errors.unexpected_list(&self.word, &list);
            }
            return None;
        }
        Some(self.word.clone())
    }

    /// What follows the `=` that must follow.
    fn value<T: syn::parse::Parse>(&self) -> syn::Result<T> {
        self.input.parse::<Token![=]>()?;
        self.input.parse()
    }

    /// `word = VALUE`; without the `=` it says what would go there.
    fn required_value<T: syn::parse::Parse>(&self, example: &str) -> syn::Result<Option<T>> {
        if self.input.peek(Token![=]) {
            let ahead = self.input.fork();
            ahead.parse::<Token![=]>()?;
            if !ahead.is_empty() && !ahead.peek(Token![,]) {
                return self.value().map(Some);
            }
        }
        self.errors.missing_value(&self.word, example);
        self.skip();
        Ok(None)
    }

    /// `word = "…"`
    fn string(&self, example: &str) -> syn::Result<Option<LitStr>> {
        Ok(self.required_value::<Expr>(example)?.and_then(|value| {
            let text = literal(&value);
            if text.is_none() {
                self.errors.not_a_string(&self.word, &value);
            }
            text
        }))
    }

    /// `word = "48h"`
    fn duration(&self, example: &str) -> syn::Result<Option<Duration>> {
        Ok(self.string(example)?.and_then(|text| {
            let span = humantime::parse_duration(&text.value())
                .ok()
                .filter(|it| !it.is_zero());
            if span.is_none() {
                self.errors.bad_duration(&text);
            }
            span
        }))
    }

    /// `word(…)` or `word` alone; whether there were parentheses.
    fn list(&self, read: impl FnMut(&Entry<'_>) -> syn::Result<()>) -> syn::Result<bool> {
        if !self.input.peek(token::Paren) {
            self.flag();
            return Ok(false);
        }
        let inside;
        syn::parenthesized!(inside in self.input);
        each_in(&inside, self.errors, read);
        Ok(true)
    }

    fn skip(&self) {
        skip_to_comma(self.input);
    }

    fn unknown(&self, attribute: &str, known: &[&str]) {
        let word = self.word.to_string();
        let hint = elsewhere(&word, attribute)
            .or_else(|| did_you_mean(&word, known.iter().copied()))
            .unwrap_or_else(|| {
                let known: Vec<String> = known.iter().map(|it| format!("`{it}`")).collect();
                format!("expected one of {}", known.join(", "))
            });
        self.errors.unknown_option(&self.word, attribute, &hint);
        self.skip();
    }
}

/// Options that are known, but of the other attribute.
fn elsewhere(word: &str, attribute: &str) -> Option<String> {
    match attribute {
        "tool" if word == "when" => Some(
            "it stands in a gate: `requires_confirmation(when = …)` or `#[approval(required, when = …)]`"
                .into(),
        ),
        "tool" if word == "expires_in" => {
            Some("it stands in a gate, such as `requires_confirmation(expires_in = \"48h\")`".into())
        }
        "tool" if word == "approval" => Some("write `#[approval(required)]` on the function".into()),
        "tool" if matches!(word, "required" | "audit") => {
            Some(format!("write `#[approval({word})]` on the function"))
        }
        "tool" if APPROVAL.contains(&word) => Some(format!(
            "write `#[approval(required, {word} = …)]` on the function"
        )),
        "approval" if TOOL.contains(&word) => Some(format!("write `#[tool({word})]`")),
        _ => None,
    }
}

/// A string literal, also one that came through a `macro_rules!` variable.
fn literal(value: &Expr) -> Option<LitStr> {
    match value {
        Expr::Lit(ExprLit {
            lit: Lit::Str(it), ..
        }) => Some(it.clone()),
        Expr::Group(it) => literal(&it.expr),
        _ => None,
    }
}
