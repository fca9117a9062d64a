//! What the planner does when it knows enough.

use countersign::CallId;
use countersign::prelude::*;
use example_kit::{Books, BooksError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An event that was booked: one line of `bookings.jsonl`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Booking {
    /// The number of the booking.
    pub booking_id: String,
    /// What kind of event.
    pub event: String,
    /// What was wished for.
    pub wishes: Vec<String>,
    /// On which day.
    pub day: String,
    /// For how many people.
    pub people: u32,
    /// The call that booked it.
    #[schemars(with = "String")]
    pub call: CallId,
}

/// Book an event. Whoever asks for it confirms it.
#[tool(requires_confirmation, blocking)]
pub fn book_event(
    #[state] books: Books,
    #[context] ctx: CallContext,
    /// What kind of event: a dinner or an outing.
    event: String,
    /// What is wished for, in a word each.
    wishes: Vec<String>,
    /// The day, as `2027-01-31`.
    day: String,
    /// For how many people.
    people: u32,
) -> Result<Booking, BooksError> {
    let line = |before: usize| Booking {
        booking_id: format!("B-{}", before + 1),
        event,
        wishes,
        day,
        people,
        call: ctx.call,
    };
    books.append("bookings.jsonl", |it: &Booking| it.call == ctx.call, line)
}
