//! One function per rule, with its reason above it.
//!
//! A rule about something that is missing keeps quiet when an option did not parse: it may well have
//! been that one.

use proc_macro2::Span;
use syn::visit::Visit;
use syn::{FnArg, Pat, PatType, Type};

use crate::errors::Errors;
use crate::model::{Argument, Options, Parameter, Role, Source, Tool};
use crate::names::{Paths, did_you_mean, is_name, is_pool};
use crate::parse;
use crate::source::{is_lint_level, strip_parameters};
use crate::text;

mod condition;

/// The tool that `source` and `options` describe. Only emitted if `errors` stays empty.
pub(crate) fn tool(source: &Source, options: Options, errors: &Errors) -> Tool {
    let all_read = errors.is_empty();
    let signature = &source.signature;
    function_is_plain(source, errors);
    let parameters = parameters(source, errors);
    let name = name(source, &options, errors);
    let description = description(source, &options, all_read, errors);
    body_fits(source, &options, all_read, errors);
    options_fit_the_body(source, &options, errors);
    hints_agree(&options, all_read, errors);
    pools_have_names(&options, errors);
    gates_differ(&options, errors);
    let fields = fields(&options, &parameters, all_read, errors);
    for decides in options.conditions().chain(&options.check) {
        condition::check(decides, &parameters, errors);
    }
    let (docs, attributes) = source.attributes.iter().cloned().partition(text::is_doc);
    let mut signature = signature.clone();
    strip_parameters(&mut signature);
    Tool {
        paths: Paths::new(options.krate.as_ref()),
        name,
        description,
        options,
        fields,
        parameters,
        attributes,
        docs,
        visibility: source.visibility.clone(),
        signature,
        body: source.body.clone(),
    }
}

// A tool is called by its name with JSON: there is no receiver to call it on, no type to choose for a
// generic one, and no caller who could keep the promises of an unsafe one.
fn function_is_plain(source: &Source, errors: &Errors) {
    let signature = &source.signature;
    if let Some(receiver) = signature.receiver() {
        errors.method(receiver);
    }
    let generics = &signature.generics;
    if !generics.params.is_empty() {
        errors.generic_function(generics);
    } else if let Some(clause) = &generics.where_clause {
        errors.generic_function(clause);
    }
    if let syn::Safety::Unsafe(token) = &signature.safety {
        errors.unsafe_function(token);
    }
}

// The name is what models write, what people approve and what the log keeps: the same letters
// everywhere, none that could be mistaken for another.
fn name(source: &Source, options: &Options, errors: &Errors) -> (String, Span) {
    let ident = &source.signature.ident;
    let (text, span) = match &options.name {
        Some(literal) => (literal.value(), literal.span()),
        None => (syn::ext::IdentExt::unraw(ident).to_string(), ident.span()),
    };
    if !is_name(&text) {
        match &options.name {
            Some(literal) => errors.bad_name(literal, &text),
            None => errors.bad_name(ident, &text),
        }
    }
    (text, span)
}

// A model that must guess what a tool does guesses wrong, and a person asked to confirm needs it too.
fn description(source: &Source, options: &Options, all_read: bool, errors: &Errors) -> Vec<syn::Expr> {
    let docs = match &options.description {
        Some(literal) if !literal.value().trim().is_empty() => vec![text::string(literal)],
        _ => text::docs(&source.attributes),
    };
    if docs.is_empty() && all_read {
        errors.missing_description(&source.signature.ident);
    }
    docs
}

// A local tool is run by us, so without a body there is nothing to run. Only `external_execution` may
// end at the signature: its result is reported from outside.
fn body_fits(source: &Source, options: &Options, all_read: bool, errors: &Errors) {
    match &options.external {
        None if source.body.is_none() && all_read => errors.missing_body(&source.signature.ident),
        Some(external) if source.body.is_none() => {
            if let Some((word, _)) = &external.result {
                errors.result_without_body(word);
            }
        }
        None | Some(_) => {}
    }
}

// A time limit ends an async function at its next await and leaves a blocking thread behind. A sync
// function runs on the caller's own thread: nothing can end it.
fn options_fit_the_body(source: &Source, options: &Options, errors: &Errors) {
    let timeout = options.timeout.as_ref().map(|(word, _)| word);
    if source.body.is_none() {
        for word in timeout.into_iter().chain(&options.blocking) {
            if options.external.is_some() {
                errors.nothing_runs(word);
            }
        }
        return;
    }
    match (&options.blocking, source.signature.asyncness.is_some()) {
        (Some(word), true) => errors.blocking_async(word),
        (None, false) => timeout.into_iter().for_each(|it| errors.timeout_on_sync(it)),
        (Some(_), false) | (None, true) => {}
    }
}

// Hints steer whether a client asks its user; contradictory ones would be read either way. A
// destructive tool that nobody gates is more often a forgotten gate than a decision.
fn hints_agree(options: &Options, all_read: bool, errors: &Errors) {
    if let (Some(_), Some(word)) = (&options.read_only, &options.destructive) {
        errors.read_only_destructive(word);
        return;
    }
    match (&options.destructive, &options.ungated) {
        (Some(word), None) if !options.asks() && all_read => errors.destructive_without_gate(word),
        (None, Some((word, _))) if all_read => errors.needless_ungated(word),
        (Some(_), Some((word, _))) if options.asks() => errors.needless_ungated(word),
        (Some(_), Some((_, reason))) if reason.value().trim().is_empty() => errors.missing_reason(reason),
        _ => {}
    }
}

// Pools are looked up by name, in files and tables that people compare by eye.
fn pools_have_names(options: &Options, errors: &Errors) {
    for pool in options.approvals.iter().filter_map(|it| it.pool.as_ref()) {
        if !is_pool(&pool.value()) {
            errors.bad_pool(pool);
        }
    }
}

// A person counts for at most one gate of a call, so a gate written twice asks twice as many people:
// surely not what a repeated line means.
fn gates_differ(options: &Options, errors: &Errors) {
    let said = |it: &crate::model::Approval| {
        (
            it.pool.as_ref().map(syn::LitStr::value),
            it.quorum,
            it.when.as_ref().map(text::condition),
        )
    };
    for (place, approval) in options.approvals.iter().enumerate() {
        if options
            .approvals
            .iter()
            .take(place)
            .any(|it| said(it) == said(approval))
        {
            errors.same_approval(&approval.required);
        }
    }
    for audit in options.audits.iter().skip(1) {
        errors.repeated_audit(&audit.audit);
    }
}

// Only what the caller would send can be asked from a person instead.
fn fields(options: &Options, parameters: &[Parameter], all_read: bool, errors: &Errors) -> Vec<String> {
    let Some(input) = &options.user_input else {
        return Vec::new();
    };
    let plain = || {
        parameters.iter().filter_map(|it| match &it.role {
            Role::Plain(argument) => Some((it, argument)),
            Role::State | Role::Context => None,
        })
    };
    if input.fields.is_empty() {
        if plain().next().is_none() && all_read {
            errors.nothing_to_ask(&input.word);
        }
        return plain().map(|(_, it)| it.name.clone()).collect();
    }
    let mut fields = Vec::new();
    for field in &input.fields {
        match parameters.iter().find(|it| it.ident == *field) {
            Some(Parameter {
                role: Role::Plain(argument),
                ..
            }) => fields.push(argument.name.clone()),
            Some(_) => errors.injected_field(field),
            None => {
                let known: Vec<String> = plain().map(|(it, _)| it.ident.to_string()).collect();
                let hint = did_you_mean(&field.to_string(), known.iter().map(String::as_str));
                errors.unknown_field(field, hint.as_deref());
            }
        }
    }
    fields
}

fn parameters(source: &Source, errors: &Errors) -> Vec<Parameter> {
    let mut names = Vec::<String>::new();
    let mut all = Vec::new();
    for input in &source.signature.inputs {
        let FnArg::Typed(input) = input else { continue };
        // An attribute that does not parse or is not ours is reported; the parameter is still known.
        let Some(parameter) = parameter(input, &mut names, errors) else {
            continue;
        };
        all.push(parameter);
    }
    all
}

// The parameter's name is what the model writes, so it must have one.
fn parameter(input: &PatType, names: &mut Vec<String>, errors: &Errors) -> Option<Parameter> {
    let ident = match &*input.pat {
        Pat::Ident(it) if it.by_ref.is_none() && it.subpat.is_none() => it.ident.clone(),
        other => {
            errors.pattern_parameter(other);
            return None;
        }
    };
    Borrowed(errors).visit_type(&input.ty);
    let role = role(input, &ident, names, errors);
    Some(Parameter {
        ident,
        ty: (*input.ty).clone(),
        role,
        docs: text::docs(&input.attrs),
    })
}

fn role(input: &PatType, ident: &syn::Ident, names: &mut Vec<String>, errors: &Errors) -> Role {
    let mut injected: Option<(Role, &str)> = None;
    let mut argument = Argument {
        name: syn::ext::IdentExt::unraw(ident).to_string(),
        default: None,
        example: None,
        secret: false,
    };
    let mut rename = None;
    let mut arg = None;
    for attribute in &input.attrs {
        let path = attribute.path();
        let found = if path.is_ident("state") {
            (Role::State, "state")
        } else if path.is_ident("context") {
            (Role::Context, "context")
        } else {
            if path.is_ident("arg") {
                arg = Some(attribute);
                match &attribute.meta {
                    syn::Meta::List(list) => {
                        parse::argument(list.tokens.clone(), &mut argument, &mut rename, errors);
                    }
                    other => errors.empty_arg(other),
                }
            } else if path.is_ident("cfg") || path.is_ident("cfg_attr") {
                errors.cfg_on_parameter(attribute);
            } else if !text::is_doc(attribute) && !is_lint_level(attribute) {
                unknown_attribute(attribute, errors);
            }
            continue;
        };
        match injected {
            None if matches!(attribute.meta, syn::Meta::Path(_)) => injected = Some(found),
            None => {
                errors.unexpected_list(&path.segments[0].ident, &attribute.meta);
                injected = Some(found);
            }
            Some(_) => errors.two_roles(attribute),
        }
    }
    if let Some((role, word)) = injected {
        if let Some(attribute) = arg {
            errors.arg_on_injected(attribute, word);
        }
        return role;
    }
    argument_name(&mut argument, rename.as_ref(), ident, names, errors);
    Role::Plain(Box::new(argument))
}

// Two arguments of one name cannot both be read, and providers refuse names outside this alphabet.
fn argument_name(
    argument: &mut Argument,
    rename: Option<&syn::LitStr>,
    ident: &syn::Ident,
    names: &mut Vec<String>,
    errors: &Errors,
) {
    if let Some(literal) = rename {
        argument.name = literal.value();
    }
    let tokens = rename.map_or_else(
        || quote::ToTokens::to_token_stream(ident),
        quote::ToTokens::to_token_stream,
    );
    if !is_name(&argument.name) {
        errors.bad_argument_name(&tokens, &argument.name);
    } else if names.contains(&argument.name) {
        errors.repeated_argument_name(&tokens, &argument.name);
    }
    names.push(argument.name.clone());
}

fn unknown_attribute(attribute: &syn::Attribute, errors: &Errors) {
    let word = attribute
        .path()
        .segments
        .last()
        .map(|it| it.ident.to_string())
        .unwrap_or_default();
    let hint = did_you_mean(&word, ["state", "context", "arg"])
        .unwrap_or_else(|| "expected `#[state]`, `#[context]` or `#[arg(…)]`".to_owned());
    errors.unknown_parameter_attribute(attribute.path(), &hint);
}

/// Looks for what a type of an argument cannot contain, wherever in it that stands.
struct Borrowed<'a>(&'a Errors);

impl<'ast> Visit<'ast> for Borrowed<'_> {
    fn visit_type(&mut self, ty: &'ast Type) {
        match ty {
            Type::Reference(it) if it.lifetime.as_ref().is_none_or(|it| it.ident != "static") => {
                self.0.borrowed_parameter(&it.and_token);
            }
            Type::ImplTrait(it) => self.0.impl_trait_parameter(&it.impl_token),
            // `fn(&str)` borrows nothing.
            Type::FnPtr(_) => {}
            other => syn::visit::visit_type(self, other),
        }
    }
}
