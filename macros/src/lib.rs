//! The `#[tool]` and `#[approval]` attributes of Countersign.
//!
//! Bring both attributes together ([`source`]), read them ([`parse`]), check them ([`validate`]), emit
//! ([`expand`]). Knows core only by the name of its `__private` module, and nothing of the runtime.
//!
//! The attributes are documented where people import them from, in the crate `countersign`.

mod errors;
mod expand;
mod model;
mod names;
mod parse;
mod source;
#[cfg(test)]
mod tests;
mod text;
mod validate;

use proc_macro::TokenStream;

use crate::errors::Errors;
use crate::source::{Gathered, Stage};

/// Makes a function a tool. See `countersign::tool`.
#[proc_macro_attribute]
pub fn tool(options: TokenStream, item: TokenStream) -> TokenStream {
    run(Stage::First, options.into(), item.into()).into()
}

/// Demands an approval before a tool runs. See `countersign::approval`.
#[proc_macro_attribute]
pub fn approval(options: TokenStream, item: TokenStream) -> TokenStream {
    source::mark(&options.into(), item.into()).into()
}

/// The second half of `#[tool]`, after the other attributes of the function.
#[doc(hidden)]
#[proc_macro_attribute]
pub fn __countersign_tool_after_other_attributes(options: TokenStream, item: TokenStream) -> TokenStream {
    run(Stage::AfterOthers, options.into(), item.into()).into()
}

/// What `#[approval]` leaves behind. `#[tool]` takes it away; where there is none, it is an error.
#[doc(hidden)]
#[proc_macro_attribute]
pub fn __countersign_approval_needs_a_tool(_: TokenStream, item: TokenStream) -> TokenStream {
    let errors = Errors::default();
    errors.approval_without_tool();
    let item = source::without_ours(item.into());
    let found = errors.finish().unwrap_or_default();
    quote::quote!(#found #item).into()
}

fn run(
    stage: Stage,
    options: proc_macro2::TokenStream,
    item: proc_macro2::TokenStream,
) -> proc_macro2::TokenStream {
    let errors = Errors::default();
    let source = match source::gather(stage, options, item, &errors) {
        Gathered::Later(again) => return again,
        Gathered::NotAFunction(item) => {
            let found = errors.finish().unwrap_or_default();
            return quote::quote!(#item #found);
        }
        Gathered::Function(source) => source,
    };
    let options = parse::options(&source, &errors);
    let tool = validate::tool(&source, options, &errors);
    match errors.finish() {
        None => expand::tool(&tool),
        Some(found) => expand::fallback(&tool, &found),
    }
}
