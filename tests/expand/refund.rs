/// Refund a customer.
///
/// A gated tool: it cannot be called as a function, only through an engine: `engine.call("issue_refund", arguments)`. In tests, `issue_refund::bypass_gates(…)` (feature `testing`).
#[allow(
    non_camel_case_types,
    dead_code,
    unreachable_pub,
    clippy::empty_enums,
    clippy::empty_enum
)]
enum issue_refund {}
#[doc(hidden)]
#[macro_export]
macro_rules! __two_tools_are_named__issue__refund {
    () => {};
}
const _: () = {
    #[allow(dead_code)]
    enum __CountersignGated {}
    impl __CountersignGated {
        #[allow(clippy::needless_pass_by_value, clippy::too_many_arguments)]
        async fn issue_refund(
            ledger: Ledger,
            ctx: CallContext,
            customer_id: String,
            amount_cents: u64,
            number: Option<String>,
        ) -> Result<Receipt, RefundError> {
            ledger.refund(ctx, customer_id, amount_cents, number).await
        }
    }
    ::countersign::__private::bypass! {
        #[allow(clippy::all, clippy::pedantic, clippy::nursery, clippy::restriction,
        deprecated, unused_qualifications, unused_variables, unreachable_code,
        missing_docs)] impl issue_refund { #[doc =
        r" Calls the function around its gates and without a record; for tests only."]
        #[allow(dead_code, unreachable_pub)] async fn bypass_gates(ledger : Ledger, ctx :
        CallContext, customer_id : String, amount_cents : u64, number : Option < String
        >) -> Result < Receipt, RefundError > { __CountersignGated::issue_refund(ledger,
        ctx, customer_id, amount_cents, number). await } }
    }
    #[allow(unused_imports)]
    use ::countersign::__private::{
        Encode as _, NoContext as _, NoFacts as _, NoJson as _, NoResult as _,
        NoSchema as _, NoState as _,
    };
    const _: () = ::countersign::__private::assert_state::<Ledger>();
    const _: () = ::countersign::__private::assert_context::<CallContext>();
    const _: () = ::countersign::__private::assert_argument::<String>();
    const _: () = ::countersign::__private::assert_argument::<u64>();
    const _: () = ::countersign::__private::assert_argument::<Option<String>>();
    const _: fn() = || ::countersign::__private::assert_returns(
        ::countersign::__private::Probe::<Result<Receipt, RefundError>>::NEW.kind(),
    );
    #[allow(
        clippy::all,
        clippy::pedantic,
        clippy::nursery,
        clippy::restriction,
        deprecated,
        unused_qualifications,
        unused_variables,
        unreachable_code,
        missing_docs
    )]
    fn __countersign_default_3() -> u64 {
        100
    }
    #[inline]
    fn __countersign_decode(
        text: &::countersign::__private::Text,
    ) -> ::countersign::__private::Result<
        (String, (u64, (Option<String>, ()))),
        ::countersign::__private::ArgumentErrors,
    > {
        ::countersign::__private::decode(
            (
                ::countersign::__private::Probe::<String>::ARGUMENT,
                (
                    ::countersign::__private::Defaulted::new(
                        ::countersign::__private::Probe::<u64>::ARGUMENT,
                        __countersign_default_3,
                    ),
                    (::countersign::__private::Probe::<Option<String>>::ARGUMENT, ()),
                ),
            ),
            &__COUNTERSIGN_SPEC,
            text,
        )
    }
    #[allow(
        clippy::all,
        clippy::pedantic,
        clippy::nursery,
        clippy::restriction,
        deprecated,
        unused_qualifications,
        unused_variables,
        unreachable_code,
        missing_docs
    )]
    static __COUNTERSIGN_SPEC: ::countersign::__private::Spec = ::countersign::__private::Spec {
        name: "issue_refund",
        description: &["Refund a customer."],
        parameters: &[
            ::countersign::__private::ParameterSpec::new(
                "customer_id",
                &["Whom."],
                ::countersign::__private::Probe::<String>::FACTS,
            ),
            ::countersign::__private::ParameterSpec {
                default: ::countersign::__private::Option::Some(|| (::countersign::__private::Probe::<
                    u64,
                >::JSON)(__countersign_default_3())),
                example: ::countersign::__private::Option::Some(|| ::countersign::__private::example(
                    250,
                )),
                secret: false,
                ..::countersign::__private::ParameterSpec::new(
                    "amount_cents",
                    &["How much."],
                    ::countersign::__private::Probe::<u64>::FACTS,
                )
            },
            ::countersign::__private::ParameterSpec {
                secret: true,
                ..::countersign::__private::ParameterSpec::new(
                    "card",
                    &[],
                    ::countersign::__private::Probe::<Option<String>>::FACTS,
                )
            },
        ],
        states: &[::countersign::__private::Probe::<Ledger>::STATE_TYPE],
        confirmation: ::countersign::__private::Option::Some(::countersign::__private::GateSpec {
            when: ::countersign::__private::Option::None,
            expires_in: ::countersign::__private::Option::None,
        }),
        approvals: &[
            ::countersign::__private::ApprovalSpec {
                pool: ::countersign::__private::Option::Some("managers"),
                quorum: 1,
                when: ::countersign::__private::Option::Some("*amount_cents >= 10_000"),
                expires_in: ::countersign::__private::Option::None,
            },
            ::countersign::__private::ApprovalSpec {
                pool: ::countersign::__private::Option::Some("finance"),
                quorum: 2,
                when: ::countersign::__private::Option::Some(
                    "*amount_cents >= 1_000_000",
                ),
                expires_in: ::countersign::__private::Option::Some(
                    ::countersign::__private::Duration::new(172800, 0),
                ),
            },
        ],
        hints: ::countersign::__private::Hints {
            read_only: false,
            destructive: true,
            idempotent: false,
            open_world: false,
        },
        timeout: ::countersign::__private::Option::Some(
            ::countersign::__private::Duration::new(30, 0),
        ),
        ..::countersign::__private::Spec::EMPTY
    };
    #[allow(
        clippy::all,
        clippy::pedantic,
        clippy::nursery,
        clippy::restriction,
        deprecated,
        unused_qualifications,
        unused_variables,
        unreachable_code,
        missing_docs
    )]
    static __COUNTERSIGN_DEFINITION: ::countersign::__private::Definition = ::countersign::__private::Definition {
        name: "issue_refund",
        location: ::countersign::__private::Location {
            module: ::core::module_path!(),
            file: ::core::file!(),
            line: ::core::line!(),
        },
        descriptor: || {
            static __COUNTERSIGN_CELL: ::countersign::__private::Cell = ::countersign::__private::Cell::new();
            __COUNTERSIGN_CELL
                .descriptor(
                    &__COUNTERSIGN_SPEC,
                    ::countersign::__private::Probe::<Result<Receipt, RefundError>>::NEW
                        .kind()
                        .schema(),
                )
        },
        conditions: |text| {
            let (__countersign_2, (__countersign_3, (__countersign_4, ()))) = __countersign_decode(
                text,
            )?;
            let (customer_id, amount_cents, number) = (
                &__countersign_2,
                &__countersign_3,
                &__countersign_4,
            );
            ::countersign::__private::Result::Ok(
                ::countersign::__private::conditions(
                    true,
                    [
                        ::countersign::__private::holds(|| *amount_cents >= 10_000),
                        ::countersign::__private::holds(|| *amount_cents >= 1_000_000),
                    ],
                    true,
                ),
            )
        },
        check: |text, unfilled| __COUNTERSIGN_SPEC.check(text, unfilled),
        states: || __COUNTERSIGN_SPEC.states(),
        body: ::countersign::__private::Body::Async(|text, scope| ::countersign::__private::Box::pin(async move {
            let (__countersign_2, (__countersign_3, (__countersign_4, ()))) = __countersign_decode(
                text,
            )?;
            let __countersign_0 = (::countersign::__private::Probe::<
                Ledger,
            >::STATE)(scope)?;
            let __countersign_1 = (::countersign::__private::Probe::<
                CallContext,
            >::CONTEXT)(scope)?;
            ::countersign::__private::Probe::<Result<Receipt, RefundError>>::NEW
                .kind()
                .encode(
                    __CountersignGated::issue_refund(
                            __countersign_0,
                            __countersign_1,
                            __countersign_2,
                            __countersign_3,
                            __countersign_4,
                        )
                        .await,
                )
        })),
    };
    impl ::countersign::__private::Tool for issue_refund {
        fn definition() -> &'static ::countersign::__private::Definition {
            &__COUNTERSIGN_DEFINITION
        }
    }
    ::countersign::__private::inventory::submit! {
        ::countersign::__private::Registration(< issue_refund as
        ::countersign::__private::Tool > ::definition)
    }
};
