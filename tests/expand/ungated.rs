#[allow(clippy::needless_pass_by_value, clippy::too_many_arguments)]
/// Add two numbers.
pub fn add(a: i64, b: i64) -> i64 {
    a + b
}
/// Add two numbers.
#[allow(
    non_camel_case_types,
    dead_code,
    unreachable_pub,
    clippy::empty_enums,
    clippy::empty_enum
)]
pub enum add {}
#[doc(hidden)]
#[macro_export]
macro_rules! __two_tools_are_named__add {
    () => {};
}
const _: () = {
    #[allow(unused_imports)]
    use ::countersign::__private::{
        Encode as _, NoContext as _, NoFacts as _, NoJson as _, NoResult as _,
        NoSchema as _, NoState as _,
    };
    const _: () = ::countersign::__private::assert_argument::<i64>();
    const _: () = ::countersign::__private::assert_argument::<i64>();
    const _: fn() = || ::countersign::__private::assert_returns(
        ::countersign::__private::Probe::<i64>::NEW.kind(),
    );
    #[inline]
    fn __countersign_decode(
        text: &::countersign::__private::Text,
    ) -> ::countersign::__private::Result<
        (i64, (i64, ())),
        ::countersign::__private::ArgumentErrors,
    > {
        ::countersign::__private::decode(
            (
                ::countersign::__private::Probe::<i64>::ARGUMENT,
                (::countersign::__private::Probe::<i64>::ARGUMENT, ()),
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
        name: "add",
        description: &["Add two numbers."],
        parameters: &[
            ::countersign::__private::ParameterSpec::new(
                "a",
                &[],
                ::countersign::__private::Probe::<i64>::FACTS,
            ),
            ::countersign::__private::ParameterSpec::new(
                "b",
                &[],
                ::countersign::__private::Probe::<i64>::FACTS,
            ),
        ],
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
        name: "add",
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
                    ::countersign::__private::Probe::<i64>::NEW.kind().schema(),
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
            ::countersign::__private::Probe::<i64>::NEW
                .kind()
                .encode(add(__countersign_0, __countersign_1))
        }),
    };
    impl ::countersign::__private::Tool for add {
        fn definition() -> &'static ::countersign::__private::Definition {
            &__COUNTERSIGN_DEFINITION
        }
    }
    ::countersign::__private::inventory::submit! {
        ::countersign::__private::Registration(< add as ::countersign::__private::Tool >
        ::definition)
    }
};
