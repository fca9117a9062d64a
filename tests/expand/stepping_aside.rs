/// Between others.
///
/// A gated tool: it cannot be called as a function, only through an engine: `engine.call("between", arguments)`. In tests, `between::bypass_gates(…)` (feature `testing`).
#[allow(
    non_camel_case_types,
    dead_code,
    unreachable_pub,
    clippy::empty_enums,
    clippy::empty_enum
)]
pub(crate) enum between {}
#[doc(hidden)]
#[macro_export]
macro_rules! __two_tools_are_named__between {
    () => {};
}
const _: () = {
    #[allow(dead_code)]
    enum __CountersignGated {}
    impl __CountersignGated {
        #[allow(clippy::needless_pass_by_value, clippy::too_many_arguments)]
        #[inline]
        fn between() -> impl Serialize {
            1
        }
    }
    ::countersign::__private::bypass! {
        #[allow(clippy::all, clippy::pedantic, clippy::nursery, clippy::restriction,
        deprecated, unused_qualifications, unused_variables, unreachable_code,
        missing_docs)] impl between { #[doc =
        r" Calls the function around its gates and without a record; for tests only."]
        #[allow(dead_code, unreachable_pub)] pub (crate) fn bypass_gates() -> impl
        Serialize { __CountersignGated::between() } }
    }
    #[allow(unused_imports)]
    use ::countersign::__private::{
        Encode as _, NoContext as _, NoFacts as _, NoJson as _, NoResult as _,
        NoSchema as _, NoState as _,
    };
    const _: fn() = || ::countersign::__private::assert_returns(
        ::countersign::__private::probe_returned(|()| __CountersignGated::between())
            .kind(),
    );
    #[inline]
    fn __countersign_decode(
        text: &::countersign::__private::Text,
    ) -> ::countersign::__private::Result<(), ::countersign::__private::ArgumentErrors> {
        ::countersign::__private::decode((), &__COUNTERSIGN_SPEC, text)
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
        name: "between",
        description: &["Between others."],
        confirmation: ::countersign::__private::Option::Some(::countersign::__private::GateSpec {
            when: ::countersign::__private::Option::None,
            expires_in: ::countersign::__private::Option::None,
        }),
        approvals: &[
            ::countersign::__private::ApprovalSpec {
                pool: ::countersign::__private::Option::Some("one"),
                quorum: 1,
                when: ::countersign::__private::Option::None,
                expires_in: ::countersign::__private::Option::None,
            },
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
        name: "between",
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
                    ::countersign::__private::probe_returned(|()| __CountersignGated::between())
                        .kind()
                        .schema(),
                )
        },
        conditions: |text| ::countersign::__private::unconditional(
            __countersign_decode(text),
            1usize,
        ),
        check: |text, unfilled| __COUNTERSIGN_SPEC.check(text, unfilled),
        states: || __COUNTERSIGN_SPEC.states(),
        body: ::countersign::__private::Body::Sync(|text, scope| {
            let () = __countersign_decode(text)?;
            ::countersign::__private::probe_returned(|()| __CountersignGated::between())
                .kind()
                .encode(__CountersignGated::between())
        }),
    };
    impl ::countersign::__private::Tool for between {
        fn definition() -> &'static ::countersign::__private::Definition {
            &__COUNTERSIGN_DEFINITION
        }
    }
    ::countersign::__private::inventory::submit! {
        ::countersign::__private::Registration(< between as
        ::countersign::__private::Tool > ::definition)
    }
};
