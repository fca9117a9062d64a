//! From JSON text to the typed arguments.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};

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
    quote_spanned! {Span::mixed_site()=>
        #(#defaults)*
        #[inline]
        fn __countersign_decode(text: &#private::Text) -> #private::Result<#types, #private::ArgumentErrors> {
            #private::decode(#readers, &__COUNTERSIGN_SPEC, text)
        }
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
