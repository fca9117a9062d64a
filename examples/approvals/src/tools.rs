//! What the clerk may call, and what each tool demands before it runs.

use countersign::clock::{Clock as _, SystemClock};
use countersign::prelude::*;
use countersign::{ActorId, CallId, Timestamp};
use example_kit::{Books, BooksError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Why a tool did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum ClerkError {
    /// A refund of nothing.
    #[error("a refund of 0 cents is no refund")]
    Nothing,
    /// No such account, or not any more.
    #[error(
        "there is no account `{0}`; there are ACME-123, GLOBEX-7 and INITECH-9, unless they were deleted"
    )]
    NoAccount(String),
    /// A file cannot be read or written.
    #[error(transparent)]
    Books(#[from] BooksError),
    /// An export cannot be written as JSON.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

/// An account of a customer.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Account {
    /// Its number.
    pub account: String,
    /// Whose.
    pub name: String,
    /// Since which year.
    pub since: u32,
}

/// A refund that was paid: one line of `ledger.jsonl`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Refund {
    /// The number of the refund.
    pub refund_id: String,
    /// To which account.
    pub account: String,
    /// How much, in cents.
    pub amount_cents: u64,
    /// Why.
    pub reason: String,
    /// On whose behalf.
    #[schemars(with = "String")]
    pub requested_by: ActorId,
    /// Who signed it off, besides the requester.
    #[schemars(with = "Vec<String>")]
    pub approved_by: Vec<ActorId>,
    /// The same for every attempt of one call: it pays once.
    pub idempotency_key: String,
    /// When.
    #[schemars(with = "String")]
    pub paid_at: Timestamp,
}

/// An account that was deleted: one line of `deleted.jsonl`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Deletion {
    /// Which.
    pub account: String,
    /// On whose behalf.
    #[schemars(with = "String")]
    pub requested_by: ActorId,
    /// The call that did it.
    #[schemars(with = "String")]
    pub call: CallId,
}

/// What is known of a customer, as a file.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Export {
    /// Where the file is.
    pub file: String,
    /// How many refunds it has.
    pub refunds: usize,
}

/// What was paid so far.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// How many refunds.
    pub refunds: usize,
    /// How much in all, in cents.
    pub total_cents: u64,
}

/// Look up an account.
#[tool(read_only, blocking)]
pub fn look_up_account(
    #[state] books: Books,
    /// The account, e.g. `ACME-123`.
    account: String,
) -> Result<Account, ClerkError> {
    known(&books, &account)
}

/// Pay money back to a customer. Whoever asks for it confirms it; from 100.00 a manager approves, from
/// 10,000.00 also two of finance.
#[approval(required, pool = "managers", when = *amount_cents >= 10_000)]
#[approval(required, pool = "finance", quorum = 2, when = *amount_cents >= 1_000_000)]
#[tool(requires_confirmation, destructive, blocking)]
pub fn refund(
    #[state] books: Books,
    #[context] ctx: CallContext,
    /// The account, e.g. `ACME-123`.
    account: String,
    /// How much, in cents.
    amount_cents: u64,
    /// Why, in a few words.
    reason: String,
) -> Result<Refund, ClerkError> {
    if amount_cents == 0 {
        return Err(ClerkError::Nothing);
    }
    let account = known(&books, &account)?.account;
    let line = |before: usize| Refund {
        refund_id: format!("R-{}", before + 1),
        account,
        amount_cents,
        reason,
        requested_by: ctx.requester.clone(),
        approved_by: ctx.approvals.iter().map(|it| it.by.clone()).collect(),
        idempotency_key: ctx.idempotency_key.clone(),
        paid_at: SystemClock.now(),
    };
    let paid = |it: &Refund| it.idempotency_key == ctx.idempotency_key;
    Ok(books.append("ledger.jsonl", paid, line)?)
}

/// Delete an account and everything that is known of it. Somebody who answers for privacy approves.
#[approval(required, pool = "privacy", expires_in = "48h")]
#[tool(requires_confirmation, destructive, blocking)]
pub fn delete_account(
    #[state] books: Books,
    #[context] ctx: CallContext,
    /// The account, e.g. `ACME-123`.
    account: String,
) -> Result<Deletion, ClerkError> {
    let account = known(&books, &account)?.account;
    let line = |_| Deletion {
        account,
        requested_by: ctx.requester.clone(),
        call: ctx.call,
    };
    Ok(books.append("deleted.jsonl", |it: &Deletion| it.call == ctx.call, line)?)
}

/// Export everything that is known of a customer. Never waits, and every use is on record.
#[approval(audit)]
#[tool(blocking)]
pub fn export_account(
    #[state] books: Books,
    /// The account, e.g. `ACME-123`.
    account: String,
) -> Result<Export, ClerkError> {
    let account = known(&books, &account)?;
    let mut refunds: Vec<Refund> = books.lines("ledger.jsonl")?;
    refunds.retain(|it| it.account == account.account);
    let text = serde_json::to_string_pretty(&serde_json::json!({"account": account, "refunds": refunds}))?;
    // An account of the list is the name of a file and no path.
    let file = books.write(&format!("exports/{}.json", account.account), &text)?;
    Ok(Export {
        file: file.display().to_string(),
        refunds: refunds.len(),
    })
}

/// Report how many refunds were paid, and how much in all.
#[tool(read_only, blocking)]
pub fn report_refunds(#[state] books: Books) -> Result<Report, ClerkError> {
    let refunds: Vec<Refund> = books.lines("ledger.jsonl")?;
    Ok(Report {
        refunds: refunds.len(),
        total_cents: refunds
            .iter()
            .fold(0, |sum, it| sum.saturating_add(it.amount_cents)),
    })
}

/// The account of that number, unless it was deleted.
fn known(books: &Books, account: &str) -> Result<Account, ClerkError> {
    let all = [
        ("ACME-123", "Acme Corp", 2019),
        ("GLOBEX-7", "Globex", 2021),
        ("INITECH-9", "Initech", 1999),
    ];
    let deleted: Vec<Deletion> = books.lines("deleted.jsonl")?;
    let found = all
        .into_iter()
        .find(|it| it.0 == account && deleted.iter().all(|gone| gone.account != account));
    let (account, name, since) = found.ok_or_else(|| ClerkError::NoAccount(account.to_owned()))?;
    Ok(Account {
        account: account.to_owned(),
        name: name.to_owned(),
        since,
    })
}
