//! One assertion per type, under the type's own tokens. All other generated code asks probes, which
//! always type-check, so that a bad type is one error.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::visit::Visit;
use syn::{ReturnType, Type};

use super::{function, nested};
use crate::model::{Role, Tool};
use crate::names;

pub(crate) fn all(tool: &Tool) -> TokenStream {
    let parameters = tool.parameters.iter().map(|it| {
        let private = &tool.paths.private;
        let ty = &it.ty;
        let span = located(ty.span());
        match it.role {
            Role::Plain(_) => quote_spanned!(span=> const _: () = #private::assert_argument::<#ty>();),
            Role::State => quote_spanned!(span=> const _: () = #private::assert_state::<#ty>();),
            Role::Context => quote_spanned!(span=> const _: () = #private::assert_context::<#ty>();),
        }
    });
    let returned = tool.body.is_some().then(|| {
        let span = located(match &tool.signature.output {
            ReturnType::Type(_, ty) => ty.span(),
            ReturnType::Default => tool.signature.ident.span(),
        });
        let private = respanned(&tool.paths.private, span);
        let kind = returned(tool);
        quote_spanned!(span=> const _: fn() = || #private::assert_returns(#kind);)
    });
    let reported = reported(tool).map(|ty| {
        let span = located(ty.span());
        let private = respanned(&tool.paths.private, span);
        let kind = kind_of(tool, &ty);
        quote_spanned!(span=> const _: fn() = || #private::assert_report(#kind);)
    });
    quote!(#(#parameters)* #returned #reported)
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
    quote_spanned!(located(ty.span())=> #private::Probe::<#ty>::NEW.kind())
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

fn located(span: Span) -> Span {
    Span::mixed_site().located_at(span)
}

fn respanned(path: &TokenStream, span: Span) -> TokenStream {
    path.clone()
        .into_iter()
        .map(|mut it| {
            it.set_span(it.span().located_at(span));
            it
        })
        .collect()
}
