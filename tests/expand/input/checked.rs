/// Book a room.
#[tool(requires_user_input(end), check = in_order(start, end))]
fn book(start: u64, end: u64) -> u64 {
    end - start
}
