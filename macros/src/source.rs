//! Brings `#[tool]` and `#[approval]` together, whichever of them runs first.
//!
//! Attributes run from top to bottom and see only those below. So `#[approval]` decides nothing: it
//! leaves a marker behind the last attribute. `#[tool]` steps aside while attributes that it does not
//! know are left (an `#[approval]` under another name is one of them) and collects the markers when
//! it runs for the second time, as the last one.
//!
//! The marker is itself an attribute macro that only says "needs `#[tool]`". A gate that nobody
//! collects is therefore a compile error, never a tool without that gate.
//!
//! ```text
//! #[tool] #[foreign] #[approval(required)] fn f()      as written
//! #[foreign] #[approval(required)] #[later] fn f()     `tool` stepped aside
//! #[approval(required)] #[later] fn f()                `foreign` did what it does
//! #[later] #[marker(required)] fn f()                  `approval` left its marker
//! ```

use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, FnArg, Meta, Path, Signature, Token, Visibility};

use crate::errors::Errors;
use crate::model::Source;
use crate::names::{LATER, MARKER, Paths};
use crate::parse::stated_crate;

/// Which half of `#[tool]` runs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    First,
    AfterOthers,
}

/// What `#[tool]` found.
pub(crate) enum Gathered {
    /// Other attributes first: this goes back to the compiler.
    Later(TokenStream),
    /// Not a function: it goes back as it is.
    NotAFunction(TokenStream),
    Function(Box<Source>),
}

/// The function with both attributes.
pub(crate) fn gather(stage: Stage, options: TokenStream, item: TokenStream, errors: &Errors) -> Gathered {
    let Ok(Item { mut attributes, rest }) = syn::parse2(item.clone()) else {
        errors.not_a_function();
        return Gathered::NotAFunction(item);
    };
    if attributes.iter().any(|it| is_ours(it, LATER)) {
        errors.repeated_tool();
        attributes.retain(|it| !is_ours(it, LATER));
    } else if stage == Stage::First && attributes.iter().any(|it| !is_inert(it) && !is_ours(it, MARKER)) {
        return Gathered::Later(step_aside(&options, &attributes, &rest));
    }
    let (markers, attributes): (Vec<_>, Vec<_>) = attributes.into_iter().partition(|it| is_ours(it, MARKER));
    let Ok(function) = syn::parse2::<Function>(rest.clone()) else {
        // A function that does not parse is the compiler's to explain.
        if !looks_like_a_function(&rest) {
            errors.not_a_function();
        }
        return Gathered::NotAFunction(quote!(#(#attributes)* #rest));
    };
    Gathered::Function(Box::new(Source {
        options,
        approvals: markers.into_iter().map(contents).collect(),
        attributes,
        visibility: function.visibility,
        signature: function.signature,
        body: function.body,
    }))
}

/// Leaves the marker of one `#[approval(options)]` on `item`.
pub(crate) fn mark(options: &TokenStream, item: TokenStream) -> TokenStream {
    let Ok(Item { attributes, rest }) = syn::parse2(item.clone()) else {
        return item;
    };
    let stated = attributes
        .iter()
        .filter(|it| is_ours(it, LATER))
        .find_map(|it| stated_crate(&contents(it.clone()).0));
    let home = Paths::new(stated.as_ref()).attributes;
    let marker = proc_macro2::Ident::new(MARKER, Span::call_site());
    let path = respanned(quote!(#home::#marker), Span::call_site());
    quote!(#(#attributes)* #[#path(#options)] #rest)
}

/// `item` without anything that our attributes left or would have taken away.
pub(crate) fn without_ours(item: TokenStream) -> TokenStream {
    let Ok(Item { mut attributes, rest }) = syn::parse2(item.clone()) else {
        return item;
    };
    attributes.retain(|it| !is_ours(it, MARKER));
    match syn::parse2::<Function>(rest.clone()) {
        Ok(mut function) => {
            strip_parameters(&mut function.signature);
            let Function {
                visibility,
                signature,
                body,
            } = function;
            let body = body.map_or_else(|| quote!(;), ToTokens::into_token_stream);
            quote!(#(#attributes)* #visibility #signature #body)
        }
        Err(_) => quote!(#(#attributes)* #rest),
    }
}

/// Takes our attributes and the doc comments off the parameters: the compiler accepts neither.
pub(crate) fn strip_parameters(signature: &mut Signature) {
    for input in &mut signature.inputs {
        if let FnArg::Typed(it) = input {
            it.attrs.retain(is_lint_level);
        }
    }
}

/// Whether a parameter may carry this attribute without our help.
pub(crate) fn is_lint_level(attribute: &Attribute) -> bool {
    ["allow", "warn", "deny", "forbid", "expect"]
        .iter()
        .any(|it| attribute.path().is_ident(it))
}

/// Re-emits the function with the second half of `#[tool]` behind the attributes still to run and
/// before the first marker: a marker that runs is an error.
fn step_aside(options: &TokenStream, attributes: &[Attribute], rest: &TokenStream) -> TokenStream {
    let home = Paths::new(stated_crate(options).as_ref()).attributes;
    let later = proc_macro2::Ident::new(LATER, Span::call_site());
    let path = respanned(quote!(#home::#later), Span::call_site());
    let first = attributes
        .iter()
        .position(|it| is_ours(it, MARKER))
        .unwrap_or(attributes.len());
    let (before, markers) = attributes.split_at(first);
    quote!(#(#before)* #[#path(#options)] #(#markers)* #rest)
}

/// So that an error about the whole attribute underlines the attribute.
fn respanned(tokens: TokenStream, span: Span) -> TokenStream {
    tokens
        .into_iter()
        .map(|mut token| {
            token.set_span(token.span().located_at(span));
            token
        })
        .collect()
}

fn is_ours(attribute: &Attribute, name: &str) -> bool {
    attribute
        .path()
        .segments
        .last()
        .is_some_and(|it| it.ident == name)
}

/// What stands in the parentheses of an attribute of ours, and where the attribute stands.
fn contents(attribute: Attribute) -> (TokenStream, Span) {
    let span = attribute
        .path()
        .segments
        .last()
        .map_or_else(Span::call_site, |it| it.ident.span());
    match attribute.meta {
        Meta::List(list) => (list.tokens, span),
        Meta::Path(_) | Meta::NameValue(_) => (TokenStream::new(), span),
    }
}

/// Attributes of the compiler and its tools, which no macro expands. Every other one may hide an
/// `#[approval]`.
fn is_inert(attribute: &Attribute) -> bool {
    const BUILT_IN: &[&str] = &[
        "allow",
        "automatically_derived",
        "cold",
        "deny",
        "deprecated",
        "doc",
        "expect",
        "export_name",
        "forbid",
        "inline",
        "link_section",
        "must_use",
        "no_mangle",
        "target_feature",
        "track_caller",
        "unsafe",
        "warn",
    ];
    const TOOLS: &[&str] = &["clippy", "diagnostic", "miri", "rust_analyzer", "rustfmt"];
    let path: &Path = attribute.path();
    let first = path.segments.first();
    let named = |names: &[&str]| first.is_some_and(|it| names.iter().any(|name| it.ident == name));
    path.leading_colon.is_none()
        && if path.segments.len() == 1 {
            named(BUILT_IN)
        } else {
            named(TOOLS)
        }
}

fn looks_like_a_function(rest: &TokenStream) -> bool {
    let words = |stream: TokenStream| {
        stream
            .into_iter()
            .take_while(|it| !matches!(it, TokenTree::Group(it) if it.delimiter() == Delimiter::Brace))
            .any(|it| matches!(it, TokenTree::Ident(it) if it == "fn"))
    };
    words(rest.clone())
}

/// Any item: its outer attributes and the rest.
struct Item {
    attributes: Vec<Attribute>,
    rest: TokenStream,
}

impl Parse for Item {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        Ok(Self {
            attributes: input.call(Attribute::parse_outer)?,
            rest: input.parse()?,
        })
    }
}

/// A function; the body is not looked into.
struct Function {
    visibility: Visibility,
    signature: Signature,
    body: Option<Group>,
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let visibility = input.parse()?;
        let signature = input.parse()?;
        let body = if input.peek(Token![;]) {
            input.parse::<Token![;]>()?;
            None
        } else {
            match input.parse()? {
                TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => Some(group),
                other => return Err(syn::Error::new(other.span(), "expected a body")),
            }
        };
        Ok(Self {
            visibility,
            signature,
            body,
        })
    }
}
