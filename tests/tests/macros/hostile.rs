//! Scopes that shadow everything, parameters with the names we use ourselves, lints that a user denies.

#[deny(warnings)]
#[deny(
    unused,
    nonstandard_style,
    rust_2018_idioms,
    let_underscore,
    keyword_idents,
    missing_docs,
    missing_debug_implementations,
    missing_copy_implementations,
    unreachable_pub,
    unused_qualifications,
    unused_results,
    unused_lifetimes,
    unused_import_braces,
    unused_macro_rules,
    unit_bindings,
    variant_size_differences,
    trivial_casts,
    trivial_numeric_casts,
    single_use_lifetimes,
    redundant_lifetimes,
    meta_variable_misuse,
    macro_use_extern_crate,
    explicit_outlives_requirements,
    elided_lifetimes_in_paths,
    absolute_paths_not_starting_with_crate,
    unsafe_code,
    private_interfaces,
    private_bounds,
    ambiguous_negative_literals,
    redundant_imports,
    unnameable_types
)]
#[deny(clippy::all, clippy::pedantic, clippy::nursery, clippy::cargo)]
mod strict {
    use countersign::{CallContext, approval, tool};

    /// Add two numbers.
    #[tool]
    pub(super) fn strict_add(a: i64, b: Option<i64>) -> i64 {
        a.saturating_add(b.unwrap_or_default())
    }

    /// Everything at once.
    ///
    /// # Errors
    ///
    /// Never.
    #[tool(requires_confirmation(when = *n > 3), requires_user_input(text), destructive, timeout = "1s")]
    #[approval(required, when = text.is_empty())]
    #[approval(audit, when = *n < 9)]
    pub(super) async fn strict_all(
        #[state] state: u64,
        #[context] context: CallContext,
        /// A number.
        #[arg(default = 4, example = 5, rename = "number")]
        n: u8,
        #[arg(secret)] text: String,
    ) -> Result<String, std::fmt::Error> {
        std::future::ready(()).await;
        Ok(format!("{state} {} {n} {text}", context.idempotency_key))
    }

    /// Outside.
    #[tool(external_execution(expires_in = "1h"))]
    pub(super) fn strict_outside(name: String) -> Vec<String>;

    /// Hand-off.
    #[tool(external_execution(result = Vec<u8>), requires_user_input)]
    pub(super) fn strict_handoff(name: String) -> String {
        name.trim().to_owned()
    }

    #[tool(description = "Without a doc comment.", blocking)]
    pub(super) fn strict_undocumented() {
        std::thread::yield_now();
    }
}

mod shadowed {
    #![allow(dead_code, non_camel_case_types, unused_macros, clippy::all)]

    use ::countersign::{CallContext, approval, tool};

    struct Option;
    struct Result;
    struct Box;
    struct String;
    struct Vec;
    struct Some;
    struct Ok;
    struct None;
    struct Err;
    struct Default;
    struct Clone;
    struct Send;
    struct Sync;
    struct Fn;
    struct FnOnce;
    struct From;
    struct Into;
    struct str;
    struct bool;
    struct u16;
    struct usize;
    struct Tool;
    struct Definition;
    mod std {}
    mod core {}
    mod serde {}
    mod serde_json {}
    mod schemars {}
    mod inventory {}
    mod private {
        pub(super) type Number = ::core::primitive::u32;
    }
    macro_rules! vec {
        () => {};
    }
    macro_rules! matches {
        () => {};
    }

    /// Everything.
    #[tool(requires_confirmation(when = *a > 1), requires_user_input(args, self_), destructive, timeout = "1s")]
    #[approval(required, when = *text > 1)]
    #[approval(audit)]
    pub(super) async fn shadowed_all(
        #[state] state: u64,
        #[context] context: CallContext,
        a: private::Number,
        args: u8,
        ctx: u8,
        self_: u8,
        private: u8,
        text: u8,
        scope: u8,
        value: u8,
        #[arg(default = ::std::option::Option::Some(2), example = 3)] r#type: ::std::option::Option<u8>,
    ) -> ::std::result::Result<u64, ::std::string::String> {
        let _ = (context, args, ctx, self_, private, text, scope, value, r#type);
        ::std::result::Result::Ok(state + u64::from(a))
    }

    /// Ungated; a parameter is called like the function.
    #[tool]
    pub(super) fn shadowed_limit(shadowed_limit: u8) -> u8 {
        shadowed_limit
    }

    /// Outside.
    #[tool(external_execution(result = ::std::string::String))]
    fn shadowed_handoff(a: u8) {
        let _ = a;
    }
}

use super::support::{World, run_in};

#[test]
fn hostile_scopes_change_nothing() {
    let world = World::default().with(40_u64);
    let arguments = r#"{"a":2,"args":0,"ctx":0,"self_":0,"private":0,"text":0,"scope":0,"value":0}"#;
    assert_eq!(run_in::<shadowed::shadowed_all>(&world, arguments).unwrap(), "42");
    assert_eq!(run_in::<strict::strict_add>(&world, r#"{"a":1}"#).unwrap(), "1");
    assert_eq!(
        run_in::<strict::strict_all>(&world, r#"{"text":"x"}"#).unwrap(),
        "\"40 key-1 4 x\""
    );
    assert_eq!(
        run_in::<shadowed::shadowed_limit>(&world, r#"{"shadowed_limit":1}"#).unwrap(),
        "1"
    );
}
