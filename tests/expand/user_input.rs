/// File a support ticket.
///
/// A gated tool: it cannot be called as a function, only through an engine: `engine.call("file_support_ticket", arguments)`. In tests, `file_support_ticket::bypass_gates(…)` (feature `testing`).
#[allow(
    non_camel_case_types,
    dead_code,
    unreachable_pub,
    clippy::empty_enums,
    clippy::empty_enum
)]
enum file_support_ticket {}
#[doc(hidden)]
#[macro_export]
macro_rules! __two_tools_are_named__file__support__ticket {
    () => {};
}
const _: () = {
    #[allow(dead_code)]
    enum __CountersignGated {}
    impl __CountersignGated {
        #[allow(clippy::needless_pass_by_value, clippy::too_many_arguments)]
        fn file_support_ticket(
            summary: String,
            description: String,
            severity: Severity,
        ) -> Ticket {
            Ticket::new(summary, description, severity)
        }
    }
    ::countersign::__private::bypass! {
        #[allow(clippy::all, clippy::pedantic, clippy::nursery, clippy::restriction,
        deprecated, unused_qualifications, unused_variables, unreachable_code,
        missing_docs)] impl file_support_ticket { #[doc =
        r" Calls the function around its gates and without a record; for tests only."]
        #[allow(dead_code, unreachable_pub)] fn bypass_gates(summary : String,
        description : String, severity : Severity) -> Ticket {
        __CountersignGated::file_support_ticket(summary, description, severity) } }
    }
    #[allow(unused_imports)]
    use ::countersign::__private::{
        Encode as _, NoContext as _, NoFacts as _, NoJson as _, NoResult as _,
        NoSchema as _, NoState as _,
    };
    const _: () = ::countersign::__private::assert_argument::<String>();
    const _: () = ::countersign::__private::assert_argument::<String>();
    const _: () = ::countersign::__private::assert_argument::<Severity>();
    const _: fn() = || ::countersign::__private::assert_returns(
        ::countersign::__private::Probe::<Ticket>::NEW.kind(),
    );
    #[inline]
    fn __countersign_decode(
        text: &::countersign::__private::Text,
    ) -> ::countersign::__private::Result<
        (String, (String, (Severity, ()))),
        ::countersign::__private::ArgumentErrors,
    > {
        ::countersign::__private::decode(
            (
                ::countersign::__private::Probe::<String>::ARGUMENT,
                (
                    ::countersign::__private::Probe::<String>::ARGUMENT,
                    (::countersign::__private::Probe::<Severity>::ARGUMENT, ()),
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
        name: "file_support_ticket",
        description: &["File a support ticket."],
        parameters: &[
            ::countersign::__private::ParameterSpec::new(
                "summary",
                &[],
                ::countersign::__private::Probe::<String>::FACTS,
            ),
            ::countersign::__private::ParameterSpec::new(
                "description",
                &[],
                ::countersign::__private::Probe::<String>::FACTS,
            ),
            ::countersign::__private::ParameterSpec::new(
                "severity",
                &[],
                ::countersign::__private::Probe::<Severity>::FACTS,
            ),
        ],
        user_input: ::countersign::__private::Option::Some(::countersign::__private::InputSpec {
            fields: &["description", "severity"],
            hidden: true,
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
        name: "file_support_ticket",
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
                    ::countersign::__private::Probe::<Ticket>::NEW.kind().schema(),
                )
        },
        conditions: |text| ::countersign::__private::unconditional(
            __countersign_decode(text),
            0usize,
        ),
        check: |text, unfilled| __COUNTERSIGN_SPEC.check(text, unfilled),
        states: || __COUNTERSIGN_SPEC.states(),
        body: ::countersign::__private::Body::Sync(|text, scope| {
            let (__countersign_0, (__countersign_1, (__countersign_2, ()))) = __countersign_decode(
                text,
            )?;
            ::countersign::__private::Probe::<Ticket>::NEW
                .kind()
                .encode(
                    __CountersignGated::file_support_ticket(
                        __countersign_0,
                        __countersign_1,
                        __countersign_2,
                    ),
                )
        }),
    };
    impl ::countersign::__private::Tool for file_support_ticket {
        fn definition() -> &'static ::countersign::__private::Definition {
            &__COUNTERSIGN_DEFINITION
        }
    }
    ::countersign::__private::inventory::submit! {
        ::countersign::__private::Registration(< file_support_ticket as
        ::countersign::__private::Tool > ::definition)
    }
};
