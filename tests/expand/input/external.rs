/// Change management decides.
#[tool(external_execution(expires_in = "7days"), name = "changes.submit")]
fn submit_change(payload: Change) -> ChangeOutcome;
