//! What happens after the answer: hooks in the background.
//!
//! A run that is over names the hooks that have still to see it, and stays open until none is left. So the runs
//! themselves are the queue: nothing is lost with a process, and what was seen is taken off by a commit. A hook may
//! see a run twice, if its process dies between the two.

use crate::agent::Agent;
use crate::error::Error;
use crate::event::{EventKind, RunEvent};
use crate::hook::{Hooked, Place, Seen};
use crate::stored::{Safe, Stored, events};

impl Agent {
    /// Shows a run that is over to the hooks that have not seen it.
    pub(crate) async fn after(&self, mut run: Stored) -> Result<(), Error> {
        if run.state.after.is_empty() {
            return Ok(());
        }
        let engine = &self.0.engine;
        let happened = events(engine, run.id, 0, run.state.events).await?;
        let mut left = Vec::new();
        for (kind, hooks) in self.0.hooks.kinds() {
            // Those that this program does not have any more are not waited for.
            for hooked in hooks.iter().filter(|it| it.is_background()) {
                let name = format!("{kind} {}", hooked.name());
                if run.state.after.contains(&name) && !shown(hooked, kind, &run, &happened).await {
                    left.push(name);
                }
            }
        }
        run.state.tries = if left.is_empty() {
            0
        } else {
            run.state.tries.saturating_add(1)
        };
        run.state.after = left;
        // Whoever was faster has shown it too.
        let _ = run.commit(engine, self.0.lease, Safe::Process).await?;
        Ok(())
    }
}

/// Shows one hook what it looks at. Whether it could look at all of it.
async fn shown(hooked: &Hooked, kind: &str, run: &Stored, happened: &[RunEvent]) -> bool {
    let places: &[Place] = match kind {
        "pre" => &[Place::Input],
        "post" => &[Place::Output],
        _ => &[Place::Arguments, Place::Result],
    };
    let mut tools = std::collections::HashMap::new();
    for event in happened {
        if let EventKind::Said { said, .. } = &event.kind {
            for call in &said.calls {
                let arguments = call.arguments.clone();
                tools.insert(call.id.clone(), (call.name.clone(), arguments));
            }
        }
        let texts: Vec<(Place, Option<&str>, &str)> = match &event.kind {
            EventKind::RunStarted { input, .. } => vec![(Place::Input, None, input)],
            EventKind::RunCompleted { output, .. } => vec![(Place::Output, None, output)],
            EventKind::ToolResult { result, .. } => match tools.get(&result.id) {
                Some((name, arguments)) => vec![
                    (Place::Arguments, Some(name), arguments),
                    (Place::Result, Some(name), &result.content),
                ],
                None => Vec::new(),
            },
            _ => Vec::new(),
        };
        for (place, tool, text) in texts.into_iter().filter(|it| places.contains(&it.0)) {
            let tool = tool.and_then(|it| countersign::ToolName::new(it).ok());
            let mut seen = Seen::new(place, text);
            seen.tool = tool.as_ref();
            seen.agent = Some(&run.agent);
            seen.requester = Some(&run.requester);
            seen.run = Some(run.id);
            seen.session = run.session.as_ref();
            if hooked.ask(&seen).await.is_err() {
                return false;
            }
        }
    }
    true
}
