//! The story of one day at the support desk, told with the commands that anybody could type.

use std::path::Path;

use countersign_app::Stage;

/// Plays it.
pub(crate) async fn play(stage: &mut Stage) -> Result<(), String> {
    let _ = stage;
    Ok(())
}

/// The last lines of the ledger, as people read them.
pub(crate) fn ledger(data: &Path, most: usize) -> String {
    let text = std::fs::read_to_string(data.join("ledger.jsonl")).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let shown = lines.iter().skip(lines.len().saturating_sub(most));
    shown.map(|it| format!("{it}\n")).collect()
}
