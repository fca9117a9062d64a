//! Legal holds: while one stands, nothing that it is on may be erased.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Contradiction, by_person};
use crate::ledger::entry::Fields;

/// What is held at one place of the log: calls, and everything where there is none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Holds(BTreeSet<Option<String>>);

impl Holds {
    /// A hold is set or lifted. Two auditors may set the same one at the same moment.
    pub(super) fn take(&mut self, entry: &Fields<'_>) -> Result<(), Contradiction> {
        by_person(entry)?;
        let on = entry.call.as_deref().map(str::to_owned);
        if &*entry.kind == "hold.set" {
            self.0.insert(on);
            return Ok(());
        }
        if self.0.remove(&on) {
            return Ok(());
        }
        Err("there was no such hold".to_owned())
    }

    /// Words of a call are erased.
    pub(super) fn erased(&self, call: &str, entry: &Fields<'_>) -> Result<(), Contradiction> {
        by_person(entry)?;
        let held = |it: &Option<String>| it.as_deref().is_none_or(|it| it == call);
        if self.0.iter().any(held) {
            return Err(format!("words of {call} were erased under a legal hold"));
        }
        Ok(())
    }
}
