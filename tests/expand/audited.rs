/// Export a customer's data.
///
/// A gated tool: it cannot be called as a function, only through an engine: `engine.call("export_customer_data", arguments)`. In tests, `export_customer_data::bypass_gates(…)` (feature `testing`).
#[allow(
    non_camel_case_types,
    dead_code,
    unreachable_pub,
    clippy::empty_enums,
    clippy::empty_enum
)]
enum export_customer_data {}
#[doc(hidden)]
#[macro_export]
macro_rules! __two_tools_are_named__export__customer__data {
    () => {};
}
const _: () = {
    #[allow(dead_code)]
    enum __CountersignGated {}
    impl __CountersignGated {
        #[allow(clippy::needless_pass_by_value, clippy::too_many_arguments)]
        fn export_customer_data(customer_id: String) -> Result<Export, Error> {
            Export::of(&customer_id)
        }
    }
    ::countersign::__private::bypass! {
        #[allow(clippy::all, clippy::pedantic, clippy::nursery, clippy::restriction,
        deprecated, unused_qualifications, unused_variables, unreachable_code,
        missing_docs)] impl export_customer_data { #[doc =
        r" Calls the function around its gates and without a record; for tests only."]
        #[allow(dead_code, unreachable_pub)] fn bypass_gates(customer_id : String) ->
        Result < Export, Error > { __CountersignGated::export_customer_data(customer_id)
        } }
    }
    #[allow(unused_imports)]
    use ::countersign::__private::{
        Encode as _, NoContext as _, NoFacts as _, NoJson as _, NoResult as _,
        NoSchema as _, NoState as _,
    };
    const _: () = ::countersign::__private::assert_argument::<String>();
    const _: fn() = || ::countersign::__private::assert_returns(
        ::countersign::__private::Probe::<Result<Export, Error>>::NEW.kind(),
    );
    #[inline]
    fn __countersign_decode(
        text: &::countersign::__private::Text,
    ) -> ::countersign::__private::Result<
        (String, ()),
        ::countersign::__private::ArgumentErrors,
    > {
        ::countersign::__private::decode(
            (::countersign::__private::Probe::<String>::ARGUMENT, ()),
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
        name: "export_customer_data",
        description: &["Export a customer's data."],
        parameters: &[
            ::countersign::__private::ParameterSpec::new(
                "customer_id",
                &[],
                ::countersign::__private::Probe::<String>::FACTS,
            ),
        ],
        audit: ::countersign::__private::Option::Some(::countersign::__private::GateSpec {
            when: ::countersign::__private::Option::Some("!customer_id.is_empty()"),
            expires_in: ::countersign::__private::Option::None,
        }),
        hints: ::countersign::__private::Hints {
            read_only: true,
            destructive: false,
            idempotent: false,
            open_world: false,
        },
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
        name: "export_customer_data",
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
                    ::countersign::__private::Probe::<Result<Export, Error>>::NEW
                        .kind()
                        .schema(),
                )
        },
        conditions: |text| {
            let (__countersign_0, ()) = __countersign_decode(text)?;
            let (customer_id,) = (&__countersign_0,);
            ::countersign::__private::Result::Ok(
                ::countersign::__private::conditions(
                    true,
                    [],
                    ::countersign::__private::holds(|| !customer_id.is_empty()),
                ),
            )
        },
        check: |text, unfilled| __COUNTERSIGN_SPEC.check(text, unfilled),
        states: || __COUNTERSIGN_SPEC.states(),
        body: ::countersign::__private::Body::Sync(|text, scope| {
            let (__countersign_0, ()) = __countersign_decode(text)?;
            ::countersign::__private::Probe::<Result<Export, Error>>::NEW
                .kind()
                .encode(__CountersignGated::export_customer_data(__countersign_0))
        }),
    };
    impl ::countersign::__private::Tool for export_customer_data {
        fn definition() -> &'static ::countersign::__private::Definition {
            &__COUNTERSIGN_DEFINITION
        }
    }
    ::countersign::__private::inventory::submit! {
        ::countersign::__private::Registration(< export_customer_data as
        ::countersign::__private::Tool > ::definition)
    }
};
