/// File a support ticket.
#[tool(requires_user_input(description, severity))]
fn file_support_ticket(summary: String, description: String, severity: Severity) -> Ticket {
    Ticket::new(summary, description, severity)
}
