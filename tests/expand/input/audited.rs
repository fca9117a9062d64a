/// Export a customer's data.
#[tool(read_only)]
#[approval(audit, when = !customer_id.is_empty())]
fn export_customer_data(customer_id: String) -> Result<Export, Error> {
    Export::of(&customer_id)
}
