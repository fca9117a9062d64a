//! One event planned, told with the commands that anybody could type.

use countersign_app::{Said, Stage};

/// The exit codes that the story expects.
const DONE: u8 = 0;
const WAITING: u8 = 10;
const REFUSED: u8 = 21;

/// Plays it.
pub(crate) async fn play(stage: &mut Stage) -> Result<(), String> {
    stage.tell(
        "Alice wants an event planned. The planner is a script here, so that you need no key. It asks before it books; \
         each question waits as any other call would, for days if need be.",
    )?;
    stage.chapter("1. A question with options")?;
    let asked = stage
        .run(WAITING, &["chat", "Plan something for my team.", "--as", "alice"])
        .await?;
    let on = asked.requirement("user_input")?;
    stage.tell("What does not fit is refused, and the question still stands.")?;
    fill(
        stage,
        REFUSED,
        &on,
        r#"{"answers":[{"id":"kind","chosen":["picnic"]}]}"#,
    )
    .await?;
    fill(
        stage,
        DONE,
        &on,
        r#"{"answers":[{"id":"kind","chosen":["dinner"]}]}"#,
    )
    .await?;
    stage.chapter("2. What comes next depends on the answer")?;
    let next = go_on(stage, WAITING, &asked).await?;
    let values = r#"{"answers":[{"id":"food","chosen":["vegan","fish"]},{"id":"note","text":"no nuts"}]}"#;
    fill(stage, DONE, &next.requirement("user_input")?, values).await?;
    stage.chapter("3. Fields of a type")?;
    let next = go_on(stage, WAITING, &asked).await?;
    let on = next.requirement("user_input")?;
    fill(
        stage,
        REFUSED,
        &on,
        r#"{"values":[{"name":"day","value":"soon"},{"name":"people","value":8}]}"#,
    )
    .await?;
    fill(
        stage,
        DONE,
        &on,
        r#"{"values":[{"name":"day","value":"2027-01-31"},{"name":"people","value":8}]}"#,
    )
    .await?;
    stage.chapter("4. And then it books, when alice has seen exactly what")?;
    let next = go_on(stage, WAITING, &asked).await?;
    stage
        .brief(
            DONE,
            &[
                "decide",
                &next.requirement("confirmation")?,
                "confirm",
                "--as",
                "alice",
            ],
        )
        .await?;
    go_on(stage, DONE, &asked).await?;
    stage.tell("Your turn: `cargo run --bin feedback -- chat --as alice`.")
}

async fn fill(stage: &mut Stage, code: u8, on: &str, values: &str) -> Result<Said, String> {
    stage
        .brief(code, &["decide", on, "fill", "--values", values, "--as", "alice"])
        .await
}

async fn go_on(stage: &mut Stage, code: u8, asked: &Said) -> Result<Said, String> {
    let run = asked.json["run"].as_str().ok_or("no run")?.to_owned();
    stage
        .run(code, &["chat", "--continue", &run, "--as", "alice"])
        .await
}
