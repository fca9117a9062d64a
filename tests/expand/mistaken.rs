::core::compile_error! {
    "a quorum of 0 would approve everything; it is at least 1"
}
::core::compile_error! {
    "`a b` cannot name a tool; a name is 1 to 64 of A-Z a-z 0-9 _ . -"
}
::core::compile_error! {
    "no parameter named `amout`; did you mean `amount`?"
}
#[allow(clippy::needless_pass_by_value, clippy::too_many_arguments)]
/// Three mistakes.
fn refund(ledger: Ledger, amount: u64) {
    ledger.refund(amount);
}
/// Three mistakes.
///
/// A gated tool: it cannot be called as a function, only through an engine: `engine.call("a b", arguments)`. In tests, `refund::bypass_gates(…)` (feature `testing`).
#[allow(
    non_camel_case_types,
    dead_code,
    unreachable_pub,
    clippy::empty_enums,
    clippy::empty_enum
)]
enum refund {}
impl ::countersign::__private::Tool for refund {
    fn definition() -> &'static ::countersign::__private::Definition {
        loop {}
    }
}
