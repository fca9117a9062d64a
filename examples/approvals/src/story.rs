//! The ladder, told with the commands that anybody could type.

use countersign_app::{Said, Stage};

/// The exit codes that the story expects.
const DONE: u8 = 0;
const WAITING: u8 = 10;
const REFUSED: u8 = 21;

/// Plays it.
pub(crate) async fn play(stage: &mut Stage) -> Result<(), String> {
    stage.tell(
        "Alice talks to an agent, the clerk. The clerk is a script here, so that you need no key; what waits, waits for \
         real. Every command below is one that you could type.",
    )?;
    stage.chapter("1. What is not gated just happens")?;
    chat(stage, DONE, "Look up ACME-123.").await?;
    stage.chapter("2. A small refund: alice confirms")?;
    let asked = chat(
        stage,
        WAITING,
        "Refund INITECH-9 $5 because the stapler was blue.",
    )
    .await?;
    stage
        .run(
            DONE,
            &[
                "decide",
                &asked.requirement("confirmation")?,
                "confirm",
                "--as",
                "alice",
            ],
        )
        .await?;
    stage.tell("The refund is paid. The run goes on where it stopped, in a process that knows nothing but the store:")?;
    go_on(stage, DONE, &asked).await?;
    stage.chapter("3. A larger one: also a manager")?;
    let asked = chat(stage, WAITING, "Refund ACME-123 $500 because the desk was late.").await?;
    let next = stage
        .run(
            WAITING,
            &[
                "decide",
                &asked.requirement("confirmation")?,
                "confirm",
                "--as",
                "alice",
            ],
        )
        .await?;
    let approval = next.approval("managers")?;
    stage.tell("Bob is a manager, and owns the clerk. He does not count for what his agent wants.")?;
    stage
        .run(REFUSED, &["decide", &approval, "approve", "--as", "bob"])
        .await?;
    stage
        .brief(DONE, &["decide", &approval, "approve", "--as", "erin"])
        .await?;
    go_on(stage, DONE, &asked).await?;
    stage.chapter("4. Deleting: privacy has a say, and says no")?;
    let asked = chat(stage, WAITING, "Delete GLOBEX-7.").await?;
    let next = stage
        .brief(
            WAITING,
            &[
                "decide",
                &asked.requirement("confirmation")?,
                "confirm",
                "--as",
                "alice",
            ],
        )
        .await?;
    let approval = next.approval("privacy")?;
    stage
        .brief(
            20,
            &[
                "decide",
                &approval,
                "reject",
                "--reason",
                "there is an open invoice",
                "--as",
                "grace",
            ],
        )
        .await?;
    go_on(stage, DONE, &asked).await?;
    stage.chapter("5. An export: never waits, always on record")?;
    chat(stage, DONE, "Export ACME-123.").await?;
    stage.chapter("What is left")?;
    stage.run(DONE, &["runs", "--limit", "3"]).await?;
    stage.tell("Your turn: `cargo run --bin approvals -- chat --as alice`, and in another terminal `inbox --as erin`.")
}

async fn chat(stage: &mut Stage, code: u8, words: &str) -> Result<Said, String> {
    stage.run(code, &["chat", words, "--as", "alice"]).await
}

async fn go_on(stage: &mut Stage, code: u8, asked: &Said) -> Result<Said, String> {
    let run = asked.json["run"].as_str().ok_or("no run")?.to_owned();
    stage
        .run(code, &["chat", "--continue", &run, "--as", "alice"])
        .await
}
