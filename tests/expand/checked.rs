/// Book a room.
///
/// A gated tool: it cannot be called as a function, only through an engine: `engine.call("book", arguments)`. In tests, `book::bypass_gates(…)` (feature `testing`).
#[allow(
    non_camel_case_types,
    dead_code,
    unreachable_pub,
    clippy::empty_enums,
    clippy::empty_enum
)]
enum book {}
#[doc(hidden)]
#[macro_export]
macro_rules! __two_tools_are_named__book {
    () => {};
}
const _: () = {
    #[allow(dead_code)]
    enum __CountersignGated {}
    impl __CountersignGated {
        #[allow(clippy::needless_pass_by_value, clippy::too_many_arguments)]
        fn book(start: u64, end: u64) -> u64 {
            end - start
        }
    }
    ::countersign::__private::bypass! {
        #[allow(clippy::all, clippy::pedantic, clippy::nursery, clippy::restriction,
        deprecated, unused_qualifications, unused_variables, unreachable_code,
        missing_docs)] impl book { #[doc =
        r" Calls the function around its gates and without a record; for tests only."]
        #[allow(dead_code, unreachable_pub)] fn bypass_gates(start : u64, end : u64) ->
        u64 { __CountersignGated::book(start, end) } }
    }
    #[allow(unused_imports)]
    use ::countersign::__private::{
        Encode as _, NoContext as _, NoFacts as _, NoJson as _, NoResult as _,
        NoSchema as _, NoState as _,
    };
    const _: () = ::countersign::__private::assert_argument::<u64>();
    const _: () = ::countersign::__private::assert_argument::<u64>();
    const _: fn() = || ::countersign::__private::assert_returns(
        ::countersign::__private::Probe::<u64>::NEW.kind(),
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
    #[inline]
    fn __countersign_decode(
        text: &::countersign::__private::Text,
    ) -> ::countersign::__private::Result<
        (u64, (u64, ())),
        ::countersign::__private::ArgumentErrors,
    > {
        let decoded = ::countersign::__private::decode(
            (
                ::countersign::__private::Probe::<u64>::ARGUMENT,
                (::countersign::__private::Probe::<u64>::ARGUMENT, ()),
            ),
            &__COUNTERSIGN_SPEC,
            text,
        )?;
        let (start, (end, ())) = &decoded;
        ::countersign::__private::fits(|| in_order(start, end))?;
        ::countersign::__private::Result::Ok(decoded)
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
        name: "book",
        description: &["Book a room."],
        parameters: &[
            ::countersign::__private::ParameterSpec::new(
                "start",
                &[],
                ::countersign::__private::Probe::<u64>::FACTS,
            ),
            ::countersign::__private::ParameterSpec::new(
                "end",
                &[],
                ::countersign::__private::Probe::<u64>::FACTS,
            ),
        ],
        user_input: ::countersign::__private::Option::Some(::countersign::__private::InputSpec {
            fields: &["end"],
            hidden: true,
            expires_in: ::countersign::__private::Option::None,
        }),
        check: ::countersign::__private::Option::Some("in_order(start, end)"),
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
        name: "book",
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
                    ::countersign::__private::Probe::<u64>::NEW.kind().schema(),
                )
        },
        conditions: |text| ::countersign::__private::unconditional(
            __countersign_decode(text),
            0usize,
        ),
        check: |text, unfilled| __COUNTERSIGN_SPEC.check(text, unfilled),
        states: || __COUNTERSIGN_SPEC.states(),
        body: ::countersign::__private::Body::Sync(|text, scope| {
            let (__countersign_0, (__countersign_1, ())) = __countersign_decode(text)?;
            ::countersign::__private::Probe::<u64>::NEW
                .kind()
                .encode(__CountersignGated::book(__countersign_0, __countersign_1))
        }),
    };
    impl ::countersign::__private::Tool for book {
        fn definition() -> &'static ::countersign::__private::Definition {
            &__COUNTERSIGN_DEFINITION
        }
    }
    ::countersign::__private::inventory::submit! {
        ::countersign::__private::Registration(< book as ::countersign::__private::Tool >
        ::definition)
    }
};
