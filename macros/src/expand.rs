//! Emits a checked tool.
//!
//! ```text
//! In:   /// Add two numbers.
//!       #[tool]
//!       fn add(a: i64, b: i64) -> i64 { a + b }
//!
//! Out:  fn add(a: i64, b: i64) -> i64 { a + b }     gated: inside the `const _`, out of reach
//!       enum add {}                                 the handle: a type of the same name
//!       const _: () = {
//!           assertions: one per parameter, one for the result
//!           fn decode: JSON text to (a, (b, ()))
//!           static Spec: everything the macro read, as data
//!           static Definition: descriptor, conditions, body
//!           impl Tool for add, and its registration
//!       };
//! ```
//!
//! All names are absolute or start with `__countersign`; all locals have `Span::mixed_site()`.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};

use crate::model::Tool;
use crate::names;

mod assertions;
mod conditions;
mod decode;
mod definition;
mod function;
mod spec;

/// The whole tool.
pub(crate) fn tool(tool: &Tool) -> TokenStream {
    let outside = function::outside(tool);
    let handle = function::handle(tool);
    let unique = unique(tool);
    let inside = function::inside(tool);
    let traits = traits(tool);
    let assertions = assertions::all(tool);
    let decode = decode::function(tool);
    let spec = spec::constant(tool);
    let definition = definition::all(tool);
    quote_spanned! {Span::mixed_site()=>
        #outside
        #handle
        #unique
        const _: () = {
            #inside
            #traits
            #assertions
            #decode
            #spec
            #definition
        };
    }
}

/// After an error: the plain function, so that its callers compile, and a handle that is registered
/// nowhere, so that lists of tools compile.
pub(crate) fn fallback(tool: &Tool, found: &TokenStream) -> TokenStream {
    let function = function::plain(tool);
    if tool.signature.receiver().is_some() {
        return quote!(#found #function);
    }
    let handle = function::handle(tool);
    let private = &tool.paths.private;
    let name = &tool.signature.ident;
    quote_spanned! {Span::mixed_site()=>
        #found
        #function
        #handle
        impl #private::Tool for #name {
            fn definition() -> &'static #private::Definition {
                loop {}
            }
        }
    }
}

/// A macro that exists once per name and crate: a second tool of that name is E0428.
fn unique(tool: &Tool) -> TokenStream {
    let (name, span) = &tool.name;
    let name = names::unique(name, *span);
    quote_spanned! {*span=>
        #[doc(hidden)]
        #[macro_export]
        macro_rules! #name {
            () => {};
        }
    }
}

/// Brings the fallbacks of the probes into scope, without their names.
fn traits(tool: &Tool) -> TokenStream {
    let private = &tool.paths.private;
    quote_spanned! {Span::mixed_site()=>
        #[allow(unused_imports)]
        use #private::{
            Encode as _, NoContext as _, NoFacts as _, NoJson as _, NoResult as _, NoSchema as _, NoState as _,
        };
    }
}

/// `a, b` as `(a, (b, ()))`.
fn nested(all: impl DoubleEndedIterator<Item = TokenStream>) -> TokenStream {
    all.rev().fold(quote!(()), |rest, it| quote!((#it, #rest)))
}

/// Our tokens under the user's; what the user wrote stays as it is.
fn respanned(tokens: &TokenStream, span: Span) -> TokenStream {
    tokens
        .clone()
        .into_iter()
        .map(|mut it| {
            it.set_span(it.span().located_at(span));
            it
        })
        .collect()
}

/// The lints that generated code may trigger where a user denies everything.
fn quiet() -> TokenStream {
    quote! {
        #[allow(
            clippy::all, clippy::pedantic, clippy::nursery, clippy::restriction, deprecated, unused_qualifications,
            unused_variables, unreachable_code, missing_docs
        )]
    }
}
