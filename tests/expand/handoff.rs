/// Hand a change over.
///
/// A gated tool: it cannot be called as a function, only through an engine: `engine.call("hand_over", arguments)`. In tests, `hand_over::bypass_gates(…)` (feature `testing`).
#[allow(
    non_camel_case_types,
    dead_code,
    unreachable_pub,
    clippy::empty_enums,
    clippy::empty_enum
)]
enum hand_over {}
#[doc(hidden)]
#[macro_export]
macro_rules! __two_tools_are_named__hand__over {
    () => {};
}
const _: () = {
    #[allow(dead_code)]
    enum __CountersignGated {}
    impl __CountersignGated {
        #[allow(clippy::needless_pass_by_value, clippy::too_many_arguments)]
        fn hand_over(payload: Change) -> Result<Receipt, Refused> {
            post(payload)
        }
    }
    ::countersign::__private::bypass! {
        #[allow(clippy::all, clippy::pedantic, clippy::nursery, clippy::restriction,
        deprecated, unused_qualifications, unused_variables, unreachable_code,
        missing_docs)] impl hand_over { #[doc =
        r" Calls the function around its gates and without a record; for tests only."]
        #[allow(dead_code, unreachable_pub)] fn bypass_gates(payload : Change) -> Result
        < Receipt, Refused > { __CountersignGated::hand_over(payload) } }
    }
    #[allow(unused_imports)]
    use ::countersign::__private::{
        Encode as _, NoContext as _, NoFacts as _, NoJson as _, NoResult as _,
        NoSchema as _, NoState as _,
    };
    const _: () = ::countersign::__private::assert_argument::<Change>();
    const _: fn() = || ::countersign::__private::assert_returns(
        ::countersign::__private::Probe::<Result<Receipt, Refused>>::NEW.kind(),
    );
    const _: fn() = || ::countersign::__private::assert_report(
        ::countersign::__private::Probe::<ChangeOutcome>::NEW.kind(),
    );
    #[inline]
    fn __countersign_decode(
        text: &::countersign::__private::Text,
    ) -> ::countersign::__private::Result<
        (Change, ()),
        ::countersign::__private::ArgumentErrors,
    > {
        ::countersign::__private::decode(
            (::countersign::__private::Probe::<Change>::ARGUMENT, ()),
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
        name: "hand_over",
        description: &["Hand a change over."],
        parameters: &[
            ::countersign::__private::ParameterSpec::new(
                "payload",
                &[],
                ::countersign::__private::Probe::<Change>::FACTS,
            ),
        ],
        external: ::countersign::__private::Option::Some(::countersign::__private::ExternalSpec {
            handoff: true,
            expires_in: ::countersign::__private::Option::None,
        }),
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
        name: "hand_over",
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
                    ::countersign::__private::Probe::<ChangeOutcome>::NEW.kind().schema(),
                )
        },
        conditions: |text| ::countersign::__private::unconditional(
            __countersign_decode(text),
            0usize,
        ),
        check: |text, unfilled| __COUNTERSIGN_SPEC.check(text, unfilled),
        states: || __COUNTERSIGN_SPEC.states(),
        body: ::countersign::__private::Body::Blocking(|text, scope| {
            let (__countersign_0, ()) = __countersign_decode(text)?;
            ::countersign::__private::Probe::<Result<Receipt, Refused>>::NEW
                .kind()
                .encode(__CountersignGated::hand_over(__countersign_0))
        }),
    };
    impl ::countersign::__private::Tool for hand_over {
        fn definition() -> &'static ::countersign::__private::Definition {
            &__COUNTERSIGN_DEFINITION
        }
    }
    ::countersign::__private::inventory::submit! {
        ::countersign::__private::Registration(< hand_over as
        ::countersign::__private::Tool > ::definition)
    }
};
