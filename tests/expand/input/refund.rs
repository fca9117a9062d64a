/// Refund a customer.
#[approval(required, pool = "managers", when = *amount_cents >= 10_000)]
#[tool(requires_confirmation, destructive, timeout = "30s")]
#[approval(required, pool = "finance", quorum = 2, expires_in = "48h", when = *amount_cents >= 1_000_000)]
async fn issue_refund(
    #[state] ledger: Ledger,
    #[context] ctx: CallContext,
    /// Whom.
    customer_id: String,
    /// How much.
    #[arg(default = 100, example = 250)]
    amount_cents: u64,
    #[arg(secret, rename = "card")] number: Option<String>,
) -> Result<Receipt, RefundError> {
    ledger.refund(ctx, customer_id, amount_cents, number).await
}
