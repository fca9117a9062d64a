//! The user's function and the handle type of the same name.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};

use crate::model::Tool;
use crate::text;

/// The function under its own name, if nothing stands between it and its callers.
pub(crate) fn outside(tool: &Tool) -> Option<TokenStream> {
    (!tool.is_gated()).then(|| plain(tool))
}

/// The function as written, without our attributes; one without a body gets one that cannot run.
pub(crate) fn plain(tool: &Tool) -> TokenStream {
    let Tool {
        attributes,
        docs,
        visibility,
        signature,
        body,
        ..
    } = tool;
    let body = body.as_ref().map_or_else(
        || quote_spanned!(Span::mixed_site()=> { loop {} }),
        ToTokens::to_token_stream,
    );
    let unused = tool
        .body
        .is_none()
        .then(|| quote!(#[allow(unused_variables, dead_code)]));
    let owned = owned();
    quote!(#unused #owned #(#docs)* #(#attributes)* #visibility #signature #body)
}

/// A gated function, where only generated code reaches it, and its way around the gates for tests.
///
/// An associated function, so that its body cannot call it by its name either, and tools such as
/// `tracing` still see that name.
pub(crate) fn inside(tool: &Tool) -> Option<TokenStream> {
    let Tool {
        attributes,
        signature,
        body,
        ..
    } = tool;
    let body = body.as_ref().filter(|_| tool.is_gated())?;
    let (bypass, owned) = (bypass(tool), owned());
    Some(quote_spanned! {Span::mixed_site()=>
        #[allow(dead_code)]
        enum __CountersignGated {}
        impl __CountersignGated {
            #owned
            #(#attributes)*
            #signature #body
        }
        #bypass
    })
}

/// Lints that ask for what a tool cannot have: it owns its arguments, and each is one parameter.
fn owned() -> TokenStream {
    quote!(#[allow(clippy::needless_pass_by_value, clippy::too_many_arguments)])
}

/// The path of the function, from inside the `const _`.
pub(crate) fn path(tool: &Tool) -> TokenStream {
    let name = &tool.signature.ident;
    if tool.is_gated() {
        quote_spanned!(Span::mixed_site()=> __CountersignGated::#name)
    } else {
        name.to_token_stream()
    }
}

/// The type that stands for the tool. No value of this name exists for a gated one.
pub(crate) fn handle(tool: &Tool) -> TokenStream {
    let Tool {
        docs,
        visibility,
        signature,
        ..
    } = tool;
    let name = &signature.ident;
    let described = tool
        .options
        .description
        .as_ref()
        .filter(|_| docs.is_empty())
        .map(text::string);
    let described = described.map(|it| quote!(#[doc = #it]));
    // So that "defined here" points at the function.
    let definition = quote_spanned!(name.span()=> enum #name {});
    let how = how_to_call(tool).map(|it| quote!(#[doc = ""] #[doc = #it]));
    quote_spanned! {Span::mixed_site()=>
        #(#docs)*
        #described
        #how
        #[allow(non_camel_case_types, dead_code, unreachable_pub, clippy::empty_enums, clippy::empty_enum)]
        #visibility #definition
    }
}

fn how_to_call(tool: &Tool) -> Option<String> {
    let (name, _) = &tool.name;
    let function = &tool.signature.ident;
    let bypass = match tool.body {
        Some(_) => format!(" In tests, `{function}::bypass_gates(…)` (feature `testing`)."),
        None => String::new(),
    };
    tool.is_gated().then(|| {
        format!(
            " A gated tool: it cannot be called as a function, only through an engine: \
             `engine.call(\"{name}\", arguments)`.{bypass}"
        )
    })
}

fn bypass(tool: &Tool) -> TokenStream {
    let Tool {
        visibility,
        signature,
        paths,
        ..
    } = tool;
    let private = &paths.private;
    let name = &signature.ident;
    let (asyncness, output) = (&signature.asyncness, &signature.output);
    let parameters: Vec<_> = tool.parameters.iter().map(|it| &it.ident).collect();
    let types = tool.parameters.iter().map(|it| &it.ty);
    let awaited = asyncness.map(|_| quote!(.await));
    let quiet = super::quiet();
    quote_spanned! {Span::mixed_site()=>
        #private::bypass! {
            #quiet
            impl #name {
                /// Calls the function around its gates and without a record; for tests only.
                #[allow(dead_code, unreachable_pub)]
                #visibility #asyncness fn bypass_gates(#(#parameters: #types),*) #output {
                    __CountersignGated::#name(#(#parameters),*)#awaited
                }
            }
        }
    }
}
