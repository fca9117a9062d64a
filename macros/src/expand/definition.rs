//! The definition, the handle's `Tool` and its registration.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};

use super::{assertions, conditions, decode, function};
use crate::model::{Role, Tool};
use crate::names;

pub(crate) fn all(tool: &Tool) -> TokenStream {
    let private = &tool.paths.private;
    let handle = &tool.signature.ident;
    let name = &tool.name.0;
    let output = output(tool);
    let conditions = conditions::function(tool);
    let body = body(tool);
    let quiet = super::quiet();
    let submitted = tool.options.unlisted.is_none().then(|| {
        quote_spanned! {Span::mixed_site()=>
            #private::inventory::submit! {
                #private::Registration(<#handle as #private::Tool>::definition)
            }
        }
    });
    // With the hygiene of the function, so that the line is not that of the attribute.
    let line = handle.span();
    let location = quote_spanned! {line=>
        #private::Location {
            module: ::core::module_path!(),
            file: ::core::file!(),
            line: ::core::line!(),
        }
    };
    quote_spanned! {Span::mixed_site()=>
        #quiet
        static __COUNTERSIGN_DEFINITION: #private::Definition = #private::Definition {
            name: #name,
            location: #location,
            descriptor: || {
                static __COUNTERSIGN_CELL: #private::Cell = #private::Cell::new();
                __COUNTERSIGN_CELL.descriptor(&__COUNTERSIGN_SPEC, #output)
            },
            conditions: #conditions,
            check: |text, unfilled| __COUNTERSIGN_SPEC.check(text, unfilled),
            states: || __COUNTERSIGN_SPEC.states(),
            body: #body,
        };
        impl #private::Tool for #handle {
            fn definition() -> &'static #private::Definition {
                &__COUNTERSIGN_DEFINITION
            }
        }
        #submitted
    }
}

/// The schema of the result, or of what will be reported.
fn output(tool: &Tool) -> TokenStream {
    let private = &tool.paths.private;
    let kind = match (&tool.options.external, assertions::reported(tool)) {
        (Some(_), Some(ty)) => assertions::kind_of(tool, &ty),
        (Some(_), None) => return quote_spanned!(Span::mixed_site()=> #private::Option::None),
        (None, _) => assertions::returned(tool),
    };
    quote_spanned!(Span::mixed_site()=> #kind.schema())
}

fn body(tool: &Tool) -> TokenStream {
    let private = &tool.paths.private;
    if tool.body.is_none() {
        return quote_spanned!(Span::mixed_site()=> #private::Body::None);
    }
    let statement = decode::statement(tool);
    let injected = injected(tool);
    let kind = assertions::returned(tool);
    let path = function::path(tool);
    let locals = (0..tool.parameters.len()).map(names::local);
    let call = quote_spanned!(Span::mixed_site()=> #path(#(#locals),*));
    if tool.signature.asyncness.is_some() {
        // Under the function's name: this is where the compiler says that its future is not `Send`.
        let span = tool.signature.ident.span();
        let future = quote_spanned! {Span::mixed_site()=>
            async move { #statement #injected #kind.encode(#call.await) }
        };
        let private_here = super::respanned(private, span);
        let pinned = quote_spanned!(span=> #private_here::Box::pin(#future));
        return quote_spanned!(Span::mixed_site()=> #private::Body::Async(|text, scope| #pinned));
    }
    let variant = if tool.options.blocking.is_some() {
        quote!(Blocking)
    } else {
        quote!(Sync)
    };
    quote_spanned! {Span::mixed_site()=>
        #private::Body::#variant(|text, scope| { #statement #injected #kind.encode(#call) })
    }
}

/// `let ledger = …;` for what does not come from the caller.
fn injected(tool: &Tool) -> TokenStream {
    let private = &tool.paths.private;
    let statements = tool.parameters.iter().enumerate().filter_map(|(place, it)| {
        let (local, ty) = (names::local(place), &it.ty);
        let source = match it.role {
            Role::Plain(_) => return None,
            Role::State => quote!(STATE),
            Role::Context => quote!(CONTEXT),
        };
        Some(quote_spanned! {Span::mixed_site()=>
            let #local = (#private::Probe::<#ty>::#source)(scope)?;
        })
    });
    quote!(#(#statements)*)
}
