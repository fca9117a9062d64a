//! The story of one day at the support desk, told with the commands that anybody could type.

use std::path::Path;

use countersign_app::Stage;

use crate::tools::Refund;
use example_kit::Books;

/// The exit codes that the story expects.
const DONE: u8 = 0;
const WAITING: u8 = 10;
const CLOSED: u8 = 20;
const REFUSED: u8 = 21;

/// Plays it.
pub(crate) async fn play(stage: &mut Stage) -> Result<(), String> {
    stage.tell(
        "A support desk gives a language model six tools. Some of them must not just happen. Every command below \
         is one that you could type; all of them run for real, on files in the data directory.",
    )?;
    at_once(stage).await?;
    confirmed(stage).await?;
    let refunded = approved(stage).await?;
    two_pools(stage).await?;
    second_thoughts(stage).await?;
    filled_in(stage).await?;
    outside(stage).await?;
    on_record(stage).await?;
    stage.chapter("What is left")?;
    stage.tell("ledger.jsonl has one line for every refund that ran, and none for one that did not:")?;
    stage.lines(&ledger(stage.data(), 4))?;
    stage.tell(
        "The audit log has everything that was said and done, also what was refused. A record is written in the \
         transaction that makes it true. These are the records of the refund in chapter 3:",
    )?;
    stage.run(DONE, &["audit", "log", "--call", &refunded]).await?;
    stage.tell("Your turn: `cargo run --bin refunds` on a terminal, or `refunds --help`.")
}

async fn at_once(stage: &mut Stage) -> Result<(), String> {
    stage.chapter("1. Most tools just run")?;
    stage.tell("search_orders only reads. It has no gate: it runs at once and nothing is stored.")?;
    stage
        .run(
            DONE,
            &[
                "call",
                "search_orders",
                "--args",
                r#"{"customer_id":"ACME-123"}"#,
                "--as",
                "alice",
            ],
        )
        .await?;
    Ok(())
}

async fn confirmed(stage: &mut Stage) -> Result<(), String> {
    stage.chapter("2. The person asking confirms")?;
    stage.tell(
        "restart_service is annotated #[tool(requires_confirmation)]. The model proposes; the call pauses until \
         alice, on whose behalf it was made, has seen exactly what will run.",
    )?;
    let args = r#"{"service_name":"billing"}"#;
    let asked = stage
        .run(
            WAITING,
            &["call", "restart_service", "--args", args, "--as", "alice"],
        )
        .await?;
    let on = asked.requirement("confirmation")?;
    stage.tell("Nobody else can confirm it for her. That mallory tried is on record.")?;
    stage
        .run(REFUSED, &["decide", &on, "confirm", "--as", "mallory"])
        .await?;
    stage
        .run(DONE, &["decide", &on, "confirm", "--as", "alice"])
        .await?;
    stage.tell(
        "A double click changes nothing. The same decision gets the same answer, and nothing runs twice.",
    )?;
    stage
        .brief(DONE, &["decide", &on, "confirm", "--as", "alice"])
        .await?;
    stage.tell("A small refund is like that too: below 100.00, alice's own yes is enough.")?;
    let asked = refund(stage, "alice", "INITECH-9", 500, "stapler was blue").await?;
    stage
        .run(DONE, &["decide", &asked, "confirm", "--as", "alice"])
        .await?;
    Ok(())
}

/// Proposes a refund; gives the id of its confirmation.
async fn refund(
    stage: &mut Stage,
    by: &str,
    customer: &str,
    cents: u64,
    reason: &str,
) -> Result<String, String> {
    let args = format!(r#"{{"customer_id":"{customer}","amount_cents":{cents},"reason":"{reason}"}}"#);
    let asked = stage
        .brief(WAITING, &["call", "issue_refund", "--args", &args, "--as", by])
        .await?;
    asked.requirement("confirmation")
}

/// Gives the id of the call that was approved.
async fn approved(stage: &mut Stage) -> Result<String, String> {
    stage.chapter("3. A designated approver signs off")?;
    stage.tell(
        "From 100.00 on, #[approval(required, pool = \"managers\", when = *amount_cents >= 10_000)] holds: after \
         alice, a manager must approve.",
    )?;
    let on = refund(stage, "alice", "ACME-123", 50_000, "delivered late").await?;
    let asked = stage
        .run(WAITING, &["decide", &on, "confirm", "--as", "alice"])
        .await?;
    let on = asked.approval("managers")?;
    stage.tell("mallory is no manager. alice would be approving her own call.")?;
    stage
        .run(REFUSED, &["decide", &on, "approve", "--as", "mallory"])
        .await?;
    stage
        .run(REFUSED, &["decide", &on, "approve", "--as", "alice"])
        .await?;
    stage.tell("bob is a manager. With his yes every gate is met, and only now the function runs.")?;
    let done = stage
        .run(
            DONE,
            &["decide", &on, "approve", "--as", "bob", "--reason", "ticket 81"],
        )
        .await?;
    done.call()
}

async fn two_pools(stage: &mut Stage) -> Result<(), String> {
    stage.chapter("4. Large sums need more people")?;
    stage.tell(
        "From 10,000.00 on, two of finance must approve as well. Both pools are asked at the same time. A person \
         counts once: dave cannot be both of the two.",
    )?;
    let on = refund(stage, "alice", "GLOBEX-7", 1_500_000, "rack arrived bent").await?;
    let asked = stage
        .run(WAITING, &["decide", &on, "confirm", "--as", "alice"])
        .await?;
    let (managers, finance) = (asked.approval("managers")?, asked.approval("finance")?);
    stage.run(DONE, &["explain", &asked.call()?]).await?;
    stage
        .brief(WAITING, &["decide", &finance, "approve", "--as", "dave"])
        .await?;
    stage.tell("dave again: the same answer, still one vote.")?;
    stage
        .brief(WAITING, &["decide", &finance, "approve", "--as", "dave"])
        .await?;
    stage
        .run(WAITING, &["decide", &managers, "approve", "--as", "erin"])
        .await?;
    stage.tell("erin has spoken for the managers. For finance she cannot speak.")?;
    stage
        .run(REFUSED, &["decide", &finance, "approve", "--as", "erin"])
        .await?;
    stage
        .run(DONE, &["decide", &finance, "approve", "--as", "carol"])
        .await?;
    Ok(())
}

async fn second_thoughts(stage: &mut Stage) -> Result<(), String> {
    stage.chapter("5. Changing, refusing, answering")?;
    stage.tell(
        "The model got a number wrong. alice amends the call; what she had been shown before is void.",
    )?;
    let old = refund(stage, "alice", "ACME-123", 49_000, "lamp was broken").await?;
    let right = r#"{"customer_id":"ACME-123","amount_cents":4900,"reason":"lamp was broken"}"#;
    let asked = stage
        .run(
            WAITING,
            &["decide", &old, "amend", "--arguments", right, "--as", "alice"],
        )
        .await?;
    let new = asked.requirement("confirmation")?;
    stage
        .brief(REFUSED, &["decide", &old, "confirm", "--as", "alice"])
        .await?;
    stage
        .brief(DONE, &["decide", &new, "confirm", "--as", "alice"])
        .await?;
    stage.tell(
        "A no is final. The model is told who said it and why, as a quotation, never as an instruction.",
    )?;
    let on = refund(stage, "alice", "ACME-123", 89_900, "does not like the colour").await?;
    let asked = stage
        .brief(WAITING, &["decide", &on, "confirm", "--as", "alice"])
        .await?;
    let on = asked.approval("managers")?;
    let no = "colour was as ordered";
    let closed = stage
        .run(CLOSED, &["decide", &on, "reject", "--as", "bob", "--reason", no])
        .await?;
    stage.run(DONE, &["show", &closed.call()?]).await?;
    stage.tell("Sometimes the person knows the answer already. Then the tool never runs.")?;
    let args = r#"{"service_name":"search"}"#;
    let asked = stage
        .brief(
            WAITING,
            &["call", "restart_service", "--args", args, "--as", "alice"],
        )
        .await?;
    let on = asked.requirement("confirmation")?;
    let answer = r#""search was restarted a minute ago by hand""#;
    stage
        .run(
            DONE,
            &["decide", &on, "answer", "--result", answer, "--as", "alice"],
        )
        .await?;
    Ok(())
}

async fn filled_in(stage: &mut Stage) -> Result<(), String> {
    stage.chapter("6. The person fills in what a model should not guess")?;
    stage.tell(
        "file_support_ticket is annotated #[tool(requires_user_input(description, severity))]. The model never \
         sees these two; alice is asked, and what she says is checked.",
    )?;
    let args = r#"{"summary":"invoice page is slow"}"#;
    let asked = stage
        .run(
            WAITING,
            &["call", "file_support_ticket", "--args", args, "--as", "alice"],
        )
        .await?;
    let on = asked.requirement("user_input")?;
    let wrong = r#"{"description":"takes a minute","severity":"very"}"#;
    stage
        .run(
            REFUSED,
            &["decide", &on, "fill", "--values", wrong, "--as", "alice"],
        )
        .await?;
    let right = r#"{"description":"takes a minute","severity":"medium"}"#;
    stage
        .run(DONE, &["decide", &on, "fill", "--values", right, "--as", "alice"])
        .await?;
    Ok(())
}

async fn outside(stage: &mut Stage) -> Result<(), String> {
    stage.chapter("7. Another system does the work")?;
    stage.tell(
        "submit_to_change_management has no body. The call waits for a report; relay, a service with the role \
         reporter, fetches a token for it and reports with that.",
    )?;
    let args = r#"{"title":"new router in Bern","rollback":"keep the old one powered"}"#;
    let asked = stage
        .run(
            WAITING,
            &[
                "call",
                "submit_to_change_management",
                "--args",
                args,
                "--as",
                "alice",
            ],
        )
        .await?;
    let on = asked.requirement("external")?;
    let shown = stage
        .run(DONE, &["show", &asked.call()?, "--token", "--as", "relay"])
        .await?;
    let token = shown.json["token"]
        .as_str()
        .ok_or("no token was shown")?
        .to_owned();
    let result = r#"{"change_id":"CHG-204","carried_out":true}"#;
    stage
        .run(
            DONE,
            &["decide", &on, "report", "--result", result, "--token", &token],
        )
        .await?;
    Ok(())
}

async fn on_record(stage: &mut Stage) -> Result<(), String> {
    stage.chapter("8. Never waits, always on record")?;
    stage.tell(
        "export_customer_data is annotated #[approval(audit)]: it runs at once, between two records.",
    )?;
    let args = r#"{"customer_id":"ACME-123"}"#;
    stage
        .run(
            DONE,
            &["call", "export_customer_data", "--args", args, "--as", "alice"],
        )
        .await?;
    Ok(())
}

/// The last lines of the ledger, as people read them.
pub(crate) fn ledger(data: &Path, most: usize) -> String {
    let refunds: Vec<Refund> = Books::open(data)
        .and_then(|it| it.lines("ledger.jsonl"))
        .unwrap_or_default();
    let shown = refunds.iter().skip(refunds.len().saturating_sub(most));
    let line = |it: &Refund| {
        let approved: Vec<String> = it.approved_by.iter().map(ToString::to_string).collect();
        let approved = if approved.is_empty() {
            "-".to_owned()
        } else {
            approved.join(", ")
        };
        let (whole, cents) = (it.amount_cents / 100, it.amount_cents % 100);
        let amount = format!("{whole}.{cents:02}");
        format!(
            "{:<6}{:<12}{amount:>10}  asked by {}, approved by {approved}\n",
            it.refund_id, it.customer_id, it.requested_by
        )
    };
    shown.map(line).collect()
}
