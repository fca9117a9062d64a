/// Three mistakes.
#[tool(requires_user_input(amout), name = "a b")]
#[approval(required, quorum = 0)]
fn refund(#[state] ledger: Ledger, amount: u64) {
    ledger.refund(amount);
}
