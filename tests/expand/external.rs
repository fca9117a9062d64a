/// Change management decides.
///
/// A gated tool: it cannot be called as a function, only through an engine: `engine.call("changes.submit", arguments)`.
#[allow(
    non_camel_case_types,
    dead_code,
    unreachable_pub,
    clippy::empty_enums,
    clippy::empty_enum
)]
enum submit_change {}
#[doc(hidden)]
#[macro_export]
macro_rules! __two_tools_are_named__changes_dsubmit {
    () => {};
}
const _: () = {
    #[allow(unused_imports)]
    use ::countersign::__private::{
        Encode as _, NoContext as _, NoFacts as _, NoJson as _, NoResult as _,
        NoSchema as _, NoState as _,
    };
    const _: () = ::countersign::__private::assert_argument::<Change>();
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
        name: "changes.submit",
        description: &["Change management decides."],
        parameters: &[
            ::countersign::__private::ParameterSpec::new(
                "payload",
                &[],
                ::countersign::__private::Probe::<Change>::FACTS,
            ),
        ],
        external: ::countersign::__private::Option::Some(::countersign::__private::ExternalSpec {
            handoff: false,
            expires_in: ::countersign::__private::Option::Some(
                ::countersign::__private::Duration::new(604800, 0),
            ),
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
        name: "changes.submit",
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
        body: ::countersign::__private::Body::None,
    };
    impl ::countersign::__private::Tool for submit_change {
        fn definition() -> &'static ::countersign::__private::Definition {
            &__COUNTERSIGN_DEFINITION
        }
    }
    ::countersign::__private::inventory::submit! {
        ::countersign::__private::Registration(< submit_change as
        ::countersign::__private::Tool > ::definition)
    }
};
