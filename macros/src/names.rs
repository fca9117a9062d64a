//! Names that generated code uses: paths into our crates, and identifiers nobody else has.

use proc_macro_crate::{FoundCrate, crate_name};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote_spanned};

/// The function form that `#[tool]` leaves behind when other attributes must run first.
pub(crate) const LATER: &str = "__countersign_tool_after_other_attributes";
/// What `#[approval]` leaves behind.
pub(crate) const MARKER: &str = "__countersign_approval_needs_a_tool";

/// Where our crates are, seen from the user's.
pub(crate) struct Paths {
    /// The module that generated code names.
    pub(crate) private: TokenStream,
    /// Where the hidden attributes are.
    pub(crate) attributes: TokenStream,
}

impl Paths {
    /// From `#[tool(crate = PATH)]`, or else from `Cargo.toml`.
    pub(crate) fn new(stated: Option<&syn::Path>) -> Self {
        let span = Span::mixed_site();
        if let Some(path) = stated {
            let private = quote_spanned!(span=> #path::__private);
            let attributes = private.clone();
            return Self { private, attributes };
        }
        if let Some(facade) = found("countersign") {
            let private = quote_spanned!(span=> ::#facade::__private);
            let attributes = private.clone();
            return Self { private, attributes };
        }
        // A crate below the facade, such as one of our own.
        match (found("countersign-core"), found("countersign-macros")) {
            (Some(core), Some(macros)) => Self {
                private: quote_spanned!(span=> ::#core::private),
                attributes: quote_spanned!(span=> ::#macros),
            },
            _ => Self {
                private: quote_spanned!(span=> ::countersign::__private),
                attributes: quote_spanned!(span=> ::countersign::__private),
            },
        }
    }
}

fn found(name: &str) -> Option<Ident> {
    match crate_name(name).ok()? {
        // Tests and examples of the crate itself know it by its name, and the library has
        // `extern crate self`.
        FoundCrate::Itself => Some(format_ident!(
            "{}",
            name.replace('-', "_"),
            span = Span::mixed_site()
        )),
        FoundCrate::Name(name) => Some(Ident::new(&name, Span::mixed_site())),
    }
}

/// The local of the argument at `place`.
///
/// Hygiene keeps it apart from the user's locals, its name from the user's constants.
pub(crate) fn local(place: usize) -> Ident {
    format_ident!("__countersign_{}", place, span = Span::mixed_site())
}

/// The function that makes the default of the argument at `place`.
pub(crate) fn default(place: usize) -> Ident {
    format_ident!("__countersign_default_{}", place, span = Span::mixed_site())
}

/// The name of a macro that exists once per tool name and crate.
///
/// Injective: `_` is doubled, so a single one starts an escape.
pub(crate) fn unique(tool: &str, span: Span) -> Ident {
    let mut name = String::from("__two_tools_are_named__");
    for letter in tool.chars() {
        match letter {
            '_' => name.push_str("__"),
            '.' => name.push_str("_d"),
            '-' => name.push_str("_h"),
            other => name.push(other),
        }
    }
    Ident::new(&name, span)
}

/// Whether `text` can name a tool or an argument.
pub(crate) fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|it| it.is_ascii_alphanumeric() || matches!(it, b'_' | b'.' | b'-'))
}

/// Whether `text` can name a pool.
pub(crate) fn is_pool(text: &str) -> bool {
    (1..=128).contains(&text.len()) && text.bytes().all(|it| it.is_ascii_graphic())
}

/// "did you mean …", if one of `known` is near.
pub(crate) fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    known
        .into_iter()
        .map(|it| (strsim::jaro_winkler(word, it), it))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, it)| format!("did you mean `{it}`?"))
}
