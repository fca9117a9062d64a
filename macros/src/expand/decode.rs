//! From JSON text to the typed arguments.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned as _;

use super::nested;
use crate::model::Tool;
use crate::names;

/// `fn __countersign_decode`, and a function for each default.
pub(crate) fn function(tool: &Tool) -> TokenStream {
    let private = &tool.paths.private;
    let quiet = super::quiet();
    let defaults = tool.arguments().filter_map(|(place, parameter, argument)| {
        let expression = argument.default.as_ref()?;
        let name = names::default(place);
        let ty = &parameter.ty;
        Some(quote_spanned!(Span::mixed_site()=> #quiet fn #name() -> #ty { #expression }))
    });
    let types = nested(values(tool, |_, ty, _| quote!(#ty)));
    let readers = nested(values(tool, |place, ty, has_default| {
        let reader = quote_spanned!(Span::mixed_site()=> #private::Probe::<#ty>::ARGUMENT);
        if has_default {
            let default = names::default(place);
            quote_spanned!(Span::mixed_site()=> #private::Defaulted::new(#reader, #default))
        } else {
            reader
        }
    }));
    let read = read(tool, &readers);
    let quiet_check = tool.options.check.is_some().then_some(&quiet);
    quote_spanned! {Span::mixed_site()=>
        #(#defaults)*
        #quiet_check
        #[inline]
        fn __countersign_decode(text: &#private::Text) -> #private::Result<#types, #private::ArgumentErrors> {
            #read
        }
    }
}

/// Reads the arguments, and lets them through only if the tool's own `check` does. It stands here, where
/// everything that opens, judges or runs a call gets its arguments from.
fn read(tool: &Tool, readers: &TokenStream) -> TokenStream {
    let private = &tool.paths.private;
    let decoded = quote_spanned! {Span::mixed_site()=>
        #private::decode(#readers, &__COUNTERSIGN_SPEC, text)
    };
    let Some(check) = &tool.options.check else {
        return decoded;
    };
    // By reference, each under its own name, as in a `when`.
    let names = nested(
        tool.arguments()
            .map(|(_, it, _)| it.ident.to_token_stream())
            .collect::<Vec<_>>()
            .into_iter(),
    );
    // Under the expression: this is where the compiler says that its error has no words.
    let private_here = super::respanned(private, check.span());
    let fits = quote_spanned!(check.span()=> #private_here::fits(|| #check));
    quote_spanned! {Span::mixed_site()=>
        let decoded = #decoded?;
        let #names = &decoded;
        #fits?;
        #private::Result::Ok(decoded)
    }
}

/// `let (a, (b, ())) = decode(text)?;` over our own locals.
pub(crate) fn statement(tool: &Tool) -> TokenStream {
    let pattern = nested(values(tool, |place, _, _| {
        let local = names::local(place);
        quote!(#local)
    }));
    quote_spanned!(Span::mixed_site()=> let #pattern = __countersign_decode(text)?;)
}

fn values(
    tool: &Tool,
    emit: impl Fn(usize, &syn::Type, bool) -> TokenStream,
) -> impl DoubleEndedIterator<Item = TokenStream> {
    let all: Vec<_> = tool
        .arguments()
        .map(|(place, parameter, argument)| emit(place, &parameter.ty, argument.default.is_some()))
        .collect();
    all.into_iter()
}
