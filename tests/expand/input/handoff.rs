/// Hand a change over.
#[tool(external_execution(result = ChangeOutcome), blocking)]
fn hand_over(payload: Change) -> Result<Receipt, Refused> {
    post(payload)
}
