//! Everything that the macro read, as one constant.

use std::time::Duration;

use proc_macro2::{Literal, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::Expr;

use crate::model::{Argument, Parameter, Role, Tool};
use crate::{names, text};

/// `static __COUNTERSIGN_SPEC`
pub(crate) fn constant(tool: &Tool) -> TokenStream {
    let private = &tool.paths.private;
    let options = &tool.options;
    let name = &tool.name.0;
    let description = &tool.description;
    let title = options.title.as_ref().map(|it| {
        let it = some(tool, it);
        quote!(title: #it,)
    });
    let ungated = options.ungated.as_ref().map(|(_, it)| {
        let it = some(tool, it);
        quote!(ungated: #it,)
    });
    let timeout = options.timeout.as_ref().map(|(_, it)| {
        let it = duration(tool, Some(*it));
        quote!(timeout: #it,)
    });
    let check = options.check.as_ref().map(|it| {
        let it = some(tool, &text::condition(it));
        quote!(check: #it,)
    });
    let (parameters, states, gates, hints) = (parameters(tool), states(tool), gates(tool), hints(tool));
    let quiet = super::quiet();
    quote_spanned! {Span::mixed_site()=>
        #quiet
        static __COUNTERSIGN_SPEC: #private::Spec = #private::Spec {
            name: #name,
            description: &[#(#description),*],
            #title
            #parameters
            #states
            #gates
            #hints
            #timeout
            #ungated
            #check
            ..#private::Spec::EMPTY
        };
    }
}

fn parameters(tool: &Tool) -> Option<TokenStream> {
    let all: Vec<_> = tool
        .arguments()
        .map(|(place, parameter, argument)| one(tool, place, parameter, argument))
        .collect();
    (!all.is_empty()).then(|| quote!(parameters: &[#(#all),*],))
}

fn one(tool: &Tool, place: usize, parameter: &Parameter, argument: &Argument) -> TokenStream {
    let private = &tool.paths.private;
    let Parameter { ty, docs, .. } = parameter;
    let Argument {
        name,
        default,
        example,
        secret,
    } = argument;
    let plain = quote_spanned! {Span::mixed_site()=>
        #private::ParameterSpec::new(#name, &[#(#docs),*], #private::Probe::<#ty>::FACTS)
    };
    if default.is_none() && example.is_none() && !secret {
        return plain;
    }
    let default = default.as_ref().map(|_| {
        let make = names::default(place);
        let json = quote_spanned!(Span::mixed_site()=> || (#private::Probe::<#ty>::JSON)(#make()));
        let it = some(tool, &json);
        quote!(default: #it,)
    });
    let example = example.as_ref().map(|it| {
        let json = quote_spanned!(Span::mixed_site()=> || #private::example(#it));
        let it = some(tool, &json);
        quote!(example: #it,)
    });
    quote_spanned!(Span::mixed_site()=> #private::ParameterSpec { #default #example secret: #secret, ..#plain })
}

fn states(tool: &Tool) -> Option<TokenStream> {
    let private = &tool.paths.private;
    let states: Vec<_> = tool
        .parameters
        .iter()
        .filter(|it| matches!(it.role, Role::State))
        .map(|it| {
            let ty = &it.ty;
            quote_spanned!(Span::mixed_site()=> #private::Probe::<#ty>::STATE_TYPE)
        })
        .collect();
    (!states.is_empty()).then(|| quote!(states: &[#(#states),*],))
}

fn hints(tool: &Tool) -> Option<TokenStream> {
    let private = &tool.paths.private;
    let options = &tool.options;
    let (read_only, destructive) = (options.read_only.is_some(), options.destructive.is_some());
    let (idempotent, open_world) = (options.idempotent.is_some(), options.open_world.is_some());
    let any = read_only || destructive || idempotent || open_world;
    any.then(|| {
        quote_spanned! {Span::mixed_site()=>
            hints: #private::Hints {
                read_only: #read_only,
                destructive: #destructive,
                idempotent: #idempotent,
                open_world: #open_world,
            },
        }
    })
}

fn gates(tool: &Tool) -> TokenStream {
    let private = &tool.paths.private;
    let options = &tool.options;
    let user_input = options.user_input.as_ref().map(|it| {
        let (fields, hidden) = (&tool.fields, !it.fields.is_empty());
        let expires_in = duration(tool, it.expires_in);
        let it = quote_spanned! {Span::mixed_site()=>
            #private::InputSpec { fields: &[#(#fields),*], hidden: #hidden, expires_in: #expires_in }
        };
        let it = some(tool, &it);
        quote!(user_input: #it,)
    });
    let confirmation = options.confirmation.as_ref().map(|it| {
        let it = gate(tool, it.when.as_ref(), it.expires_in);
        quote!(confirmation: #it,)
    });
    let approvals: Vec<_> = options.approvals.iter().map(|it| approval(tool, it)).collect();
    let approvals = (!approvals.is_empty()).then(|| quote!(approvals: &[#(#approvals),*],));
    let external = options.external.as_ref().map(|it| {
        let handoff = tool.body.is_some();
        let expires_in = duration(tool, it.expires_in);
        let it = quote_spanned! {Span::mixed_site()=>
            #private::ExternalSpec { handoff: #handoff, expires_in: #expires_in }
        };
        let it = some(tool, &it);
        quote!(external: #it,)
    });
    let audit = options.audits.first().map(|it| {
        let it = gate(tool, it.when.as_ref(), None);
        quote!(audit: #it,)
    });
    quote!(#user_input #confirmation #approvals #external #audit)
}

fn approval(tool: &Tool, it: &crate::model::Approval) -> TokenStream {
    let private = &tool.paths.private;
    let pool = option(tool, it.pool.as_ref());
    let quorum = Literal::u16_unsuffixed(it.quorum);
    let when = option(tool, it.when.as_ref().map(text::condition));
    let expires_in = duration(tool, it.expires_in);
    quote_spanned! {Span::mixed_site()=>
        #private::ApprovalSpec { pool: #pool, quorum: #quorum, when: #when, expires_in: #expires_in }
    }
}

fn gate(tool: &Tool, when: Option<&Expr>, expires_in: Option<Duration>) -> TokenStream {
    let private = &tool.paths.private;
    let when = option(tool, when.map(text::condition));
    let expires_in = duration(tool, expires_in);
    some(
        tool,
        &quote_spanned!(Span::mixed_site()=> #private::GateSpec { when: #when, expires_in: #expires_in }),
    )
}

fn duration(tool: &Tool, span: Option<Duration>) -> TokenStream {
    let private = &tool.paths.private;
    option(
        tool,
        span.map(|it| {
            let seconds = Literal::u64_unsuffixed(it.as_secs());
            let nanos = Literal::u32_unsuffixed(it.subsec_nanos());
            quote_spanned!(Span::mixed_site()=> #private::Duration::new(#seconds, #nanos))
        }),
    )
}

fn option(tool: &Tool, value: Option<impl ToTokens>) -> TokenStream {
    let private = &tool.paths.private;
    match value {
        Some(value) => some(tool, &value),
        None => quote_spanned!(Span::mixed_site()=> #private::Option::None),
    }
}

fn some(tool: &Tool, value: &impl ToTokens) -> TokenStream {
    let private = &tool.paths.private;
    quote_spanned!(Span::mixed_site()=> #private::Option::Some(#value))
}
