//! A run as its events tell it: the conversation, the calls that have no result yet, how it ended.

use std::sync::Arc;

use crate::event::{EventKind, Plan, RunEvent};
use crate::message::{Message, ToolCall, ToolResult};

/// A run, read from its events.
#[derive(Debug, Clone, Default)]
pub(crate) struct Transcript {
    /// What a model has seen and said in this run, without the turn that is still open.
    pub(crate) messages: Vec<Arc<Message>>,
    /// The calls of the last message, as long as one of them has no result.
    pub(crate) turn: Option<Turn>,
    /// How often the model was asked.
    pub(crate) turns: u32,
    /// What it answered at last, as the hooks have left it.
    pub(crate) output: Option<String>,
    /// Why it failed or was stopped.
    pub(crate) ended: Option<String>,
    /// Whether its input was blocked: then there is nothing to be remembered of it.
    pub(crate) blocked: bool,
}

/// Calls that were proposed together.
#[derive(Debug, Clone)]
pub(crate) struct Turn {
    pub(crate) slots: Vec<Slot>,
}

/// One of them.
#[derive(Debug, Clone)]
pub(crate) struct Slot {
    pub(crate) call: ToolCall,
    pub(crate) plan: Plan,
    pub(crate) result: Option<ToolResult>,
}

impl Slot {
    /// Its result, with these words for the model.
    pub(crate) fn answered(&self, content: String) -> ToolResult {
        ToolResult {
            id: self.call.id.clone(),
            name: self.call.name.clone(),
            content,
        }
    }
}

impl Turn {
    /// Whether every call has its result.
    pub(crate) fn is_answered(&self) -> bool {
        self.slots.iter().all(|it| it.result.is_some())
    }
}

impl Transcript {
    /// Reads on.
    pub(crate) fn fold(&mut self, event: &RunEvent) {
        match &event.kind {
            EventKind::RunStarted { input, .. } => {
                self.messages
                    .push(Arc::new(Message::User { text: input.clone() }));
            }
            EventKind::Said { said, plans, .. } => {
                self.turns = self.turns.saturating_add(1);
                let slots: Vec<Slot> = said
                    .calls
                    .iter()
                    .cloned()
                    .zip(plans.iter().cloned())
                    .map(|(call, plan)| Slot {
                        call,
                        plan,
                        result: None,
                    })
                    .collect();
                self.messages.push(Arc::new(Message::Assistant(said.clone())));
                self.turn = (!slots.is_empty()).then_some(Turn { slots });
            }
            EventKind::ToolResult { result, .. } => self.answer(result),
            EventKind::Blocked { place, .. } => self.blocked |= place == "input",
            EventKind::RunCompleted { output, .. } => {
                self.output = Some(output.clone());
                self.ended = None;
            }
            EventKind::RunFailed { error, .. } => self.ended = Some(error.clone()),
            EventKind::RunCancelled { by, reason } => {
                let why = reason.as_ref().map_or_else(String::new, |it| format!(": {it}"));
                self.ended = Some(format!("stopped by {by}{why}"));
            }
            EventKind::RunContinued => self.ended = None,
            EventKind::RunPaused { .. } | EventKind::ContentDelta { .. } => {}
        }
    }

    fn answer(&mut self, result: &ToolResult) {
        let Some(turn) = &mut self.turn else { return };
        // The first one counts. A second one for the same call is never written.
        if let Some(slot) = turn
            .slots
            .iter_mut()
            .find(|it| it.call.id == result.id && it.result.is_none())
        {
            slot.result = Some(result.clone());
        }
        if turn.is_answered() {
            let slots = self.turn.take().map_or_else(Vec::new, |it| it.slots);
            // In the model's order, whatever the order in which they came.
            self.messages.extend(
                slots
                    .into_iter()
                    .filter_map(|it| it.result)
                    .map(|it| Arc::new(Message::Tool(it))),
            );
        }
    }

    /// What later runs of the session are told of this one.
    pub(crate) fn remembered(&self) -> &[Arc<Message>] {
        if self.blocked { &[] } else { &self.messages }
    }
}
