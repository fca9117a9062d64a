//! Which gates stand for one set of arguments.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::Expr;

use super::decode;
use crate::model::Tool;
use crate::names;

/// A function from JSON text to the conditions that hold.
///
/// The arguments are decoded even where there is no condition: this is where a call that waits for
/// people learns that its arguments fit.
pub(crate) fn function(tool: &Tool) -> TokenStream {
    let private = &tool.paths.private;
    let options = &tool.options;
    let gates = options.approvals.len();
    if options.conditions().next().is_none() {
        return quote_spanned! {Span::mixed_site()=>
            |text| #private::unconditional(__countersign_decode(text), #gates)
        };
    }
    let statement = decode::statement(tool);
    let names: Vec<_> = tool.arguments().map(|(_, it, _)| &it.ident).collect();
    let locals = tool.arguments().map(|(place, _, _)| names::local(place));
    let confirmation = condition(
        tool,
        options.confirmation.as_ref().and_then(|it| it.when.as_ref()),
    );
    let approvals = options
        .approvals
        .iter()
        .map(|it| condition(tool, it.when.as_ref()));
    let audit = condition(tool, options.audits.first().and_then(|it| it.when.as_ref()));
    quote_spanned! {Span::mixed_site()=>
        |text| {
            #statement
            let (#(#names,)*) = (#(&#locals,)*);
            #private::Result::Ok(#private::conditions(#confirmation, [#(#approvals),*], #audit))
        }
    }
}

fn condition(tool: &Tool, when: Option<&Expr>) -> TokenStream {
    let private = &tool.paths.private;
    match when {
        Some(when) => quote_spanned!(Span::mixed_site()=> #private::holds(|| #when)),
        None => quote!(true),
    }
}
