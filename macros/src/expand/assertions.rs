//! One assertion per type, under the type's own tokens. All other generated code asks probes, which
//! always type-check, so that a bad type is one error.
//!
//! Assertions have no locals, so the call may carry the user's own span. The item around it must not:
//! the compiler would suggest to make that generic.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::visit::Visit;
use syn::{ReturnType, Type};

use super::{function, nested, respanned};
use crate::model::{Role, Tool};
use crate::names;

pub(crate) fn all(tool: &Tool) -> TokenStream {
    let private = &tool.paths.private;
    let parameters = tool.parameters.iter().map(|it| {
        let ty = &it.ty;
        let question = match it.role {
            Role::Plain(_) => quote!(assert_argument),
            Role::State => quote!(assert_state),
            Role::Context => quote!(assert_context),
        };
        constant(&quote_spanned!(ty.span()=> #private::#question::<#ty>()))
    });
    let returned = tool.body.is_some().then(|| {
        let (span, has_name) = match &tool.signature.output {
            ReturnType::Type(_, ty) => (ty.span(), !has_no_name(ty)),
            ReturnType::Default => (tool.signature.ident.span(), true),
        };
        let mut kind = returned(tool);
        if has_name {
            kind = respanned(&kind, span);
        }
        function_of(&quote_spanned!(span=> #private::assert_returns(#kind)))
    });
    let reported = reported(tool).map(|ty| {
        let kind = respanned(&kind_of(tool, &ty), ty.span());
        function_of(&quote_spanned!(ty.span()=> #private::assert_report(#kind)))
    });
    quote!(#(#parameters)* #returned #reported)
}

fn constant(assertion: &TokenStream) -> TokenStream {
    quote_spanned!(Span::mixed_site()=> const _: () = #assertion;)
}

/// For what is asked of a value: a closure that nobody calls.
fn function_of(assertion: &TokenStream) -> TokenStream {
    quote_spanned!(Span::mixed_site()=> const _: fn() = || #assertion;)
}

/// The kind of what the function returns.
pub(crate) fn returned(tool: &Tool) -> TokenStream {
    match &tool.signature.output {
        ReturnType::Type(_, ty) if has_no_name(ty) => {
            let private = &tool.paths.private;
            let question = if tool.signature.asyncness.is_some() {
                quote!(probe_resolved)
            } else {
                quote!(probe_returned)
            };
            let locals: Vec<_> = (0..tool.parameters.len()).map(names::local).collect();
            let pattern = nested(locals.iter().map(|it| quote!(#it)));
            let path = function::path(tool);
            quote_spanned! {Span::mixed_site()=>
                #private::#question(|#pattern| #path(#(#locals),*)).kind()
            }
        }
        ReturnType::Type(_, ty) => kind_of(tool, ty),
        ReturnType::Default => kind_of(tool, &unit()),
    }
}

/// The type that an outside system reports, if it is known.
pub(crate) fn reported(tool: &Tool) -> Option<Type> {
    let external = tool.options.external.as_ref()?;
    match (&external.result, &tool.body, &tool.signature.output) {
        (Some((_, ty)), _, _) => Some(ty.clone()),
        (None, Some(_), _) => None,
        (None, None, ReturnType::Type(_, ty)) => Some((**ty).clone()),
        (None, None, ReturnType::Default) => Some(unit()),
    }
}

/// The kind of a type that has a name.
pub(crate) fn kind_of(tool: &Tool, ty: &Type) -> TokenStream {
    let private = &tool.paths.private;
    quote_spanned!(Span::mixed_site()=> #private::Probe::<#ty>::NEW.kind())
}

fn unit() -> Type {
    syn::parse_quote!(())
}

fn has_no_name(ty: &Type) -> bool {
    struct Look(bool);
    impl<'ast> Visit<'ast> for Look {
        fn visit_type_impl_trait(&mut self, _: &'ast syn::TypeImplTrait) {
            self.0 = true;
        }
    }
    let mut look = Look(false);
    look.visit_type(ty);
    look.0
}
