//! Every message of the macros, one constructor each; its name is the name of its UI test.
//!
//! Errors are collected and shown together. Underline the smallest token that, if changed, fixes it.

use std::cell::RefCell;
use std::fmt::Display;

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::{Ident, LitStr};

/// The mistakes found so far.
#[derive(Default)]
pub(crate) struct Errors(RefCell<Vec<syn::Error>>);

impl Errors {
    /// All of them as code, if there are any.
    pub(crate) fn finish(self) -> Option<TokenStream> {
        let found = self.0.into_inner();
        (!found.is_empty()).then(|| found.iter().map(syn::Error::to_compile_error).collect())
    }

    /// Whether nothing was found so far.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.borrow().is_empty()
    }

    /// How many were found so far.
    pub(crate) fn count(&self) -> usize {
        self.0.borrow().len()
    }

    /// What the parser has to say.
    pub(crate) fn syntax(&self, error: syn::Error) {
        self.0.borrow_mut().push(error);
    }

    fn at(&self, tokens: &impl ToTokens, message: impl Display) {
        self.syntax(syn::Error::new_spanned(tokens, message));
    }

    fn on(&self, span: Span, message: impl Display) {
        self.syntax(syn::Error::new(span, message));
    }
}

/// What stands where.
impl Errors {
    pub(crate) fn not_a_function(&self) {
        self.on(
            Span::call_site(),
            "`#[tool]` goes on a function; move it to the function that does the work",
        );
    }

    pub(crate) fn repeated_tool(&self) {
        self.on(
            Span::call_site(),
            "`#[tool]` is given twice on this function; merge the two",
        );
    }

    pub(crate) fn approval_without_tool(&self) {
        self.on(
            Span::call_site(),
            "`#[approval]` needs `#[tool]` on the same function",
        );
    }

    pub(crate) fn method(&self, receiver: &impl ToTokens) {
        self.at(
            receiver,
            "a tool cannot be a method; write a free function and take the value as `#[state]`",
        );
    }

    pub(crate) fn generic_function(&self, generics: &impl ToTokens) {
        self.at(
            generics,
            "a tool cannot be generic: its schema is that of concrete types; write one function per type",
        );
    }

    pub(crate) fn unsafe_function(&self, token: &impl ToTokens) {
        self.at(
            token,
            "a tool cannot be `unsafe`: whoever calls it cannot keep its promises; put `unsafe` inside the body",
        );
    }

    pub(crate) fn missing_body(&self, name: &Ident) {
        self.at(
            name,
            "this tool has no body; write one, or declare `#[tool(external_execution)]` if another system runs it",
        );
    }

    pub(crate) fn missing_description(&self, name: &Ident) {
        self.at(
            name,
            format!(
                "`{name}` has no description for the model to read; write a doc comment, or `#[tool(description = \"…\")]`"
            ),
        );
    }
}

/// Options.
impl Errors {
    pub(crate) fn unknown_option(&self, word: &Ident, attribute: &str, hint: &str) {
        self.at(
            word,
            format!("unknown option `{word}` of `#[{attribute}]`; {hint}"),
        );
    }

    pub(crate) fn repeated_option(&self, word: &Ident) {
        self.at(word, format!("`{word}` is given twice; keep one"));
    }

    pub(crate) fn missing_value(&self, word: &Ident, example: &str) {
        self.at(word, format!("`{word}` takes a value: `{word} = {example}`"));
    }

    pub(crate) fn unexpected_value(&self, word: &Ident, value: &impl ToTokens) {
        self.at(value, format!("`{word}` takes no value; write just `{word}`"));
    }

    pub(crate) fn unexpected_list(&self, word: &Ident, list: &impl ToTokens) {
        self.at(list, format!("`{word}` takes nothing in parentheses; drop them"));
    }

    pub(crate) fn not_a_string(&self, word: &Ident, value: &impl ToTokens) {
        self.at(
            value,
            format!("`{word}` takes a string in quotes: `{word} = \"…\"`"),
        );
    }

    pub(crate) fn bad_name(&self, name: &impl ToTokens, text: &str) {
        self.at(
            name,
            format!("`{text}` cannot name a tool; a name is 1 to 64 of A-Z a-z 0-9 _ . -"),
        );
    }

    pub(crate) fn bad_duration(&self, text: &LitStr) {
        self.at(
            text,
            format!(
                "`{}` is not a length of time above zero; write one such as \"30s\", \"15m\", \"48h\" or \"7days\"",
                text.value()
            ),
        );
    }

    pub(crate) fn timeout_on_sync(&self, word: &Ident) {
        self.at(
            word,
            "a sync function cannot be interrupted; make it `async`, or add `blocking` to run it on a thread of its own",
        );
    }

    pub(crate) fn blocking_async(&self, word: &Ident) {
        self.at(
            word,
            "`blocking` is for sync functions; an `async` one moves its blocking part to a thread itself",
        );
    }

    pub(crate) fn nothing_runs(&self, word: &Ident) {
        self.at(
            word,
            format!("this tool has no body, so nothing runs here; drop `{word}`"),
        );
    }

    pub(crate) fn result_without_body(&self, word: &Ident) {
        self.at(
            word,
            "without a body the return type is what will be reported; drop `result`",
        );
    }

    pub(crate) fn read_only_destructive(&self, word: &Ident) {
        self.at(
            word,
            "a tool cannot be both `read_only` and `destructive`; drop one",
        );
    }

    pub(crate) fn destructive_without_gate(&self, word: &Ident) {
        self.at(
            word,
            "nobody is asked before this destructive tool runs; add a gate such as `requires_confirmation`, or insist with `ungated = \"reason\"`",
        );
    }

    pub(crate) fn needless_ungated(&self, word: &Ident) {
        self.at(
            word,
            "`ungated` excuses a destructive tool that has no gate; this is none, so drop it",
        );
    }

    pub(crate) fn missing_reason(&self, reason: &LitStr) {
        self.at(reason, "say why nobody needs to be asked: `ungated = \"reason\"`");
    }
}

/// Parameters.
impl Errors {
    pub(crate) fn pattern_parameter(&self, pattern: &impl ToTokens) {
        self.at(
            pattern,
            "a parameter needs a plain name, the one the model uses; take it apart in the body",
        );
    }

    pub(crate) fn borrowed_parameter(&self, ampersand: &impl ToTokens) {
        self.at(
            ampersand,
            "a tool owns its arguments: there is nothing to borrow from; write an owned type such as `String` or `Vec<T>`",
        );
    }

    pub(crate) fn impl_trait_parameter(&self, token: &impl ToTokens) {
        self.at(
            token,
            "a tool's schema is that of concrete types; name the type instead of `impl`",
        );
    }

    pub(crate) fn cfg_on_parameter(&self, attribute: &impl ToTokens) {
        self.at(
            attribute,
            "a parameter that comes and goes with `cfg` would change what is approved; put the `cfg` on two whole functions",
        );
    }

    pub(crate) fn unknown_parameter_attribute(&self, attribute: &impl ToTokens, hint: &str) {
        self.at(attribute, format!("unknown attribute on a parameter; {hint}"));
    }

    pub(crate) fn empty_arg(&self, attribute: &impl ToTokens) {
        self.at(
            attribute,
            "`#[arg]` says something in parentheses: `default = …`, `example = …`, `rename = \"…\"` or `secret`",
        );
    }

    pub(crate) fn bad_argument_name(&self, name: &impl ToTokens, text: &str) {
        self.at(
            name,
            format!("`{text}` cannot name an argument; a name is 1 to 64 of A-Z a-z 0-9 _ . -"),
        );
    }

    pub(crate) fn repeated_argument_name(&self, name: &impl ToTokens, text: &str) {
        self.at(
            name,
            format!("two parameters are called `{text}` in the JSON; rename one"),
        );
    }

    pub(crate) fn arg_on_injected(&self, attribute: &impl ToTokens, role: &str) {
        self.at(
            attribute,
            format!("a `#[{role}]` parameter does not come from the caller; drop `#[arg]`"),
        );
    }

    pub(crate) fn two_roles(&self, attribute: &impl ToTokens) {
        self.at(
            attribute,
            "a parameter is `#[state]` or `#[context]`, once; keep one",
        );
    }
}

/// User input.
impl Errors {
    pub(crate) fn unknown_field(&self, field: &Ident, hint: Option<&str>) {
        match hint {
            Some(hint) => self.at(field, format!("no parameter named `{field}`; {hint}")),
            None => self.at(field, format!("no parameter named `{field}`")),
        }
    }

    pub(crate) fn injected_field(&self, field: &Ident) {
        self.at(
            field,
            format!("`{field}` is provided by the program, so nobody can be asked for it; drop it here"),
        );
    }

    pub(crate) fn no_fields(&self, word: &Ident) {
        self.at(
            word,
            "name the parameters to ask for, or drop the parentheses to ask for all of them",
        );
    }

    pub(crate) fn nothing_to_ask(&self, word: &Ident) {
        self.at(
            word,
            "this tool takes nothing from its caller, so there is nothing to ask for; drop `requires_user_input`",
        );
    }
}

/// Approvals.
impl Errors {
    pub(crate) fn required_or_audit(&self, span: Span) {
        self.on(
            span,
            "say what it demands: `#[approval(required)]` waits for somebody, `#[approval(audit)]` keeps a record",
        );
    }

    pub(crate) fn required_and_audit(&self, word: &Ident) {
        self.at(
            word,
            "`required` waits and `audit` never does; write two attributes to have both",
        );
    }

    pub(crate) fn pool_on_audit(&self, word: &Ident) {
        self.at(
            word,
            format!(
                "`#[approval(audit)]` never waits, so it has no `{word}`; drop it, or use `#[approval(required)]`"
            ),
        );
    }

    pub(crate) fn repeated_audit(&self, word: &Ident) {
        self.at(
            word,
            "`#[approval(audit)]` is given twice; keep one, joining the conditions with `||`",
        );
    }

    pub(crate) fn same_approval(&self, word: &Ident) {
        self.at(
            word,
            "another `#[approval(required)]` on this function demands just the same; drop one, or raise its `quorum`",
        );
    }

    pub(crate) fn zero_quorum(&self, value: &impl ToTokens) {
        self.at(value, "a quorum of 0 would approve everything; it is at least 1");
    }

    pub(crate) fn bad_quorum(&self, value: &impl ToTokens) {
        self.at(
            value,
            "`quorum` is how many people must approve: a whole number from 1 to 65535",
        );
    }

    pub(crate) fn bad_pool(&self, pool: &LitStr) {
        self.at(
            pool,
            format!(
                "`{}` cannot name a pool; a name is 1 to 128 visible ASCII characters without spaces",
                pool.value()
            ),
        );
    }
}

/// Conditions.
impl Errors {
    pub(crate) fn arithmetic_in_when(&self, operator: &impl ToTokens) {
        self.at(
            operator,
            "arithmetic wraps in release builds, which could open the gate; use `saturating_…` or `checked_…` methods",
        );
    }

    pub(crate) fn cast_in_when(&self, token: &impl ToTokens) {
        self.at(
            token,
            "`as` cuts numbers off silently, which could open the gate; use `try_from`",
        );
    }

    pub(crate) fn build_dependent_when(&self, name: &impl ToTokens) {
        self.at(
            name,
            "a gate cannot depend on how the program was built; decide by the arguments",
        );
    }

    pub(crate) fn injected_in_when(&self, name: &Ident) {
        self.at(
            name,
            format!("`{name}` is provided when the tool runs, after its gates; decide by the arguments"),
        );
    }
}
