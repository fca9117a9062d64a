//! What a model may call, and what each tool demands before it runs.

use countersign::clock::{Clock as _, SystemClock};
use countersign::prelude::*;
use countersign::{ActorId, CallId, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use example_kit::{Books, BooksError};

/// Why a tool did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// A refund of nothing.
    #[error("a refund of 0 cents is no refund")]
    Nothing,
    /// A service that nobody runs.
    #[error("there is no service `{0}`; there are `billing`, `mail` and `search`")]
    NoService(String),
    /// A customer without orders.
    #[error("nobody knows a customer `{0}`")]
    NoCustomer(String),
    /// A file cannot be read or written.
    #[error(transparent)]
    Books(#[from] BooksError),
    /// An export cannot be written as JSON.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

/// Something that a customer bought.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Order {
    /// The number on the invoice.
    pub order_id: String,
    /// Who bought it.
    pub customer_id: String,
    /// What it was.
    pub item: String,
    /// What was paid, in cents.
    pub paid_cents: u64,
}

/// A refund that was paid: one line of `ledger.jsonl`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Refund {
    /// The number of the refund.
    pub refund_id: String,
    /// Whom.
    pub customer_id: String,
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
    /// The call that paid it.
    #[schemars(with = "String")]
    pub call: CallId,
    /// The same for every attempt of one call: it pays once.
    pub idempotency_key: String,
    /// When.
    #[schemars(with = "String")]
    pub paid_at: Timestamp,
}

/// A restart: one line of `restarts.jsonl`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Restart {
    /// Which service.
    pub service_name: String,
    /// On whose behalf.
    #[schemars(with = "String")]
    pub requested_by: ActorId,
    /// The call that did it.
    #[schemars(with = "String")]
    pub call: CallId,
    /// When.
    #[schemars(with = "String")]
    pub restarted_at: Timestamp,
}

/// A ticket: one line of `tickets.jsonl`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Ticket {
    /// The number of the ticket.
    pub ticket_id: String,
    /// What it is about.
    pub summary: String,
    /// What happened, in the words of the person.
    pub description: String,
    /// How bad it is.
    pub severity: Severity,
    /// Who reported it.
    #[schemars(with = "String")]
    pub reported_by: ActorId,
    /// The call that filed it.
    #[schemars(with = "String")]
    pub call: CallId,
}

/// How bad something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// It can wait.
    Low,
    /// It bothers somebody.
    Medium,
    /// Somebody cannot work.
    High,
}

/// What is known of a customer, as a file.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Export {
    /// Where the file is.
    pub file: String,
    /// How many orders it has.
    pub orders: usize,
    /// How many refunds it has.
    pub refunds: usize,
}

/// What change management decided.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct ChangeOutcome {
    /// The number of the change.
    pub change_id: String,
    /// Whether it was carried out.
    pub carried_out: bool,
}

/// Search the orders of a customer. Nothing to ask anybody: it only reads.
#[tool(read_only)]
pub fn search_orders(
    /// The customer, e.g. `ACME-123`.
    customer_id: String,
) -> Vec<Order> {
    orders_of(&customer_id)
}

/// Restart a service. Whoever asks for it confirms it.
#[tool(requires_confirmation, blocking)]
pub fn restart_service(
    #[state] books: Books,
    #[context] ctx: CallContext,
    /// The service: `billing`, `mail` or `search`.
    service_name: String,
) -> Result<Restart, DeskError> {
    if !["billing", "mail", "search"].contains(&service_name.as_str()) {
        return Err(DeskError::NoService(service_name));
    }
    let line = |_| Restart {
        service_name,
        requested_by: ctx.requester.clone(),
        call: ctx.call,
        restarted_at: SystemClock.now(),
    };
    Ok(books.append("restarts.jsonl", |it: &Restart| it.call == ctx.call, line)?)
}

/// Pay money back to a customer. Whoever asks for it confirms it; from 100.00 a manager approves, from
/// 10,000.00 also two of finance.
#[approval(required, pool = "managers", when = *amount_cents >= 10_000)]
#[approval(required, pool = "finance", quorum = 2, when = *amount_cents >= 1_000_000)]
#[tool(requires_confirmation, destructive, blocking)]
pub fn issue_refund(
    #[state] books: Books,
    #[context] ctx: CallContext,
    /// The customer, e.g. `ACME-123`.
    customer_id: String,
    /// How much, in cents.
    amount_cents: u64,
    /// Why, in a few words.
    reason: String,
) -> Result<Refund, DeskError> {
    if amount_cents == 0 {
        return Err(DeskError::Nothing);
    }
    let line = |before: usize| Refund {
        refund_id: format!("R-{}", before + 1),
        customer_id,
        amount_cents,
        reason,
        requested_by: ctx.requester.clone(),
        approved_by: ctx.approvals.iter().map(|it| it.by.clone()).collect(),
        call: ctx.call,
        idempotency_key: ctx.idempotency_key.clone(),
        paid_at: SystemClock.now(),
    };
    let paid = |it: &Refund| it.idempotency_key == ctx.idempotency_key;
    Ok(books.append("ledger.jsonl", paid, line)?)
}

/// Export everything that is known of a customer. Never waits, and every use is on record.
#[approval(audit)]
#[tool(blocking)]
pub fn export_customer_data(
    #[state] books: Books,
    /// The customer, e.g. `ACME-123`.
    customer_id: String,
) -> Result<Export, DeskError> {
    let orders = orders_of(&customer_id);
    if orders.is_empty() {
        return Err(DeskError::NoCustomer(customer_id));
    }
    let mut refunds: Vec<Refund> = books.lines("ledger.jsonl")?;
    refunds.retain(|it| it.customer_id == customer_id);
    let text = serde_json::to_string_pretty(&serde_json::json!({"orders": orders, "refunds": refunds}))?;
    // A customer that has orders is one of ours, so its id is the name of a file and no path.
    let file = books.write(&format!("exports/{customer_id}.json"), &text)?;
    Ok(Export {
        file: file.display().to_string(),
        orders: orders.len(),
        refunds: refunds.len(),
    })
}

/// File a support ticket. The model gives the summary; the person says what happened and how bad it is.
#[tool(requires_user_input(description, severity), blocking)]
pub fn file_support_ticket(
    #[state] books: Books,
    #[context] ctx: CallContext,
    /// What it is about, in one line.
    summary: String,
    /// What happened, in your own words.
    description: String,
    /// How bad it is.
    severity: Severity,
) -> Result<Ticket, DeskError> {
    let line = |before: usize| Ticket {
        ticket_id: format!("T-{}", before + 1),
        summary,
        description,
        severity,
        reported_by: ctx.requester.clone(),
        call: ctx.call,
    };
    Ok(books.append("tickets.jsonl", |it: &Ticket| it.call == ctx.call, line)?)
}

/// Hand a change to change management. They do it, and their system reports how it went.
#[tool(external_execution)]
pub fn submit_to_change_management(
    /// What is to be changed.
    title: String,
    /// How it is undone if it goes wrong.
    rollback: String,
) -> ChangeOutcome;

fn orders_of(customer_id: &str) -> Vec<Order> {
    let all = [
        ("O-1001", "ACME-123", "Standing desk", 89_900),
        ("O-1002", "ACME-123", "Desk lamp", 4_900),
        ("O-1003", "GLOBEX-7", "Server rack", 1_850_000),
        ("O-1004", "INITECH-9", "Red stapler", 500),
    ];
    let order = |(order_id, customer_id, item, paid_cents): (&str, &str, &str, u64)| Order {
        order_id: order_id.to_owned(),
        customer_id: customer_id.to_owned(),
        item: item.to_owned(),
        paid_cents,
    };
    all.into_iter()
        .filter(|it| it.1 == customer_id)
        .map(order)
        .collect()
}
