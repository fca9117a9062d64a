//! The desk on a terminal: asks what to do, shows the pause, carries what is said.
//!
//! It says nothing that the commands could not: every answer goes through `call` and `decide`, as whoever
//! is named at that moment. It leaves on `q`, at the end of the input and on Ctrl-C; what waits then, waits.

use countersign::core::grant::Span;
use countersign::{ActorId, Call, CallId, Descriptor, Phase, Requirement, RequirementKind};
use serde_json::{Map, Value};

use crate::cli::{CallArgs, DecideArgs, InboxArgs, RunsArgs, ShowArgs, Verb};
use crate::failure::Failure;
use crate::people::People;
use crate::prompt::{Field, Left, Prompt};
use crate::reply::head;
use crate::session::Session;
use crate::{Effects, call, decide, lists, print, requirement, show, text, tools};

/// Why the desk stops: the person left, or something failed.
enum Stop {
    Left,
    Failed(Failure),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<Left> for Stop {
    fn from(_: Left) -> Self {
        Self::Left
    }
}

/// Serves whoever sits at the terminal until they leave.
pub(crate) async fn sit(session: &Session, effects: Option<&Effects>) -> Result<u8, Failure> {
    let mut desk = Desk {
        session,
        effects,
        prompt: Prompt::start(),
        by: ActorId::new("nobody").map_err(|error| Failure::new(error.to_string()))?,
    };
    match Box::pin(desk.serve()).await {
        Ok(()) | Err(Stop::Left) => {
            print(&format!(
                "\nLeft. What waits is kept in {}.\n",
                session.data.display()
            ))?;
            Ok(0)
        }
        Err(Stop::Failed(failure)) => Err(failure),
    }
}

struct Desk<'a> {
    session: &'a Session,
    effects: Option<&'a Effects>,
    prompt: Prompt,
    by: ActorId,
}

impl Desk<'_> {
    async fn serve(&mut self) -> Result<(), Stop> {
        let people = self.session.people().await?;
        print(&format!(
            "\n{}: tools whose dangerous calls wait for the right people.\nData in {}. Leave with q or Ctrl-C.\n\n",
            self.session.name,
            self.session.data.display()
        ))?;
        self.by = self.who(&people, "You are", None).await?;
        loop {
            let names: Vec<String> = self
                .session
                .engine
                .registry()
                .iter()
                .map(|it| it.descriptor().name.to_string())
                .collect();
            print(&self.menu())?;
            let said = self
                .prompt
                .line(&format!("{}, what next?", self.by), None)
                .await?;
            match said.as_str() {
                "" => {}
                "q" => return Ok(()),
                "w" => self.by = self.who(&people, "You are", None).await?,
                "i" => {
                    let args = InboxArgs {
                        by: self.by.clone(),
                        after: None,
                        limit: 50,
                    };
                    print(&format!("\n{}", lists::inbox(self.session, args).await?.text))?;
                }
                "r" => {
                    let args = RunsArgs {
                        after: None,
                        limit: 20,
                    };
                    print(&format!("\n{}", lists::runs(self.session, args).await?.text))?;
                }
                said => {
                    let number = said
                        .parse::<usize>()
                        .ok()
                        .and_then(|it| names.get(it.wrapping_sub(1)));
                    let tool = number.or_else(|| names.iter().find(|it| *it == said));
                    match (tool, said.parse::<CallId>()) {
                        (Some(tool), _) => self.use_tool(&people, &tool.clone()).await?,
                        (None, Ok(call)) => self.conduct(&people, call).await?,
                        (None, Err(_)) => {
                            print("  Say a number, a letter from the list, or the id of a call.\n")?;
                        }
                    }
                }
            }
        }
    }

    fn menu(&self) -> String {
        let engine = &self.session.engine;
        let mut rows = Vec::new();
        for (place, entry) in engine.registry().iter().enumerate() {
            let descriptor = entry.descriptor();
            let tier = engine
                .tier(descriptor.name.as_str())
                .unwrap_or(countersign::Tier::Gated);
            rows.push(vec![
                format!("  {}", place + 1),
                descriptor.name.to_string(),
                tools::gates(tier, &descriptor.gates).join("; "),
            ]);
        }
        let others = "   i  inbox    r  runs    w  be somebody else    q  leave    or the id of a call";
        format!("\n{}\n{others}\n\n", text::table(&rows))
    }

    /// Asks for an actor.
    async fn who(&mut self, people: &People, question: &str, likely: Option<&str>) -> Result<ActorId, Stop> {
        let known: Vec<String> = people.all().map(|(id, _)| id.to_string()).collect();
        let choosing = likely.is_none();
        if choosing {
            let rows: Vec<Vec<String>> = people
                .all()
                .map(|(id, it)| {
                    let mut what: Vec<String> = people
                        .pools_of(id)
                        .into_iter()
                        .map(|it| format!("pool {it}"))
                        .collect();
                    what.extend(it.roles.iter().map(ToString::to_string));
                    vec![format!("  {id}"), what.join(", ")]
                })
                .collect();
            print(&text::table(&rows))?;
        }
        let likely = likely
            .or_else(|| known.first().map(String::as_str))
            .map(str::to_owned);
        loop {
            let said = self.prompt.line(question, likely.as_deref()).await?;
            match ActorId::new(&said) {
                // Whoever signs off may be anybody, to see what is refused; whoever sits here is somebody.
                Ok(id) if choosing && !known.contains(&said) => {
                    print(&format!(
                        "  Nobody knows an actor {}; take one of the list.\n",
                        text::shown(id.as_str())
                    ))?;
                }
                Ok(id) => return Ok(id),
                Err(error) => print(&format!("  {}\n", text::shown(&error.to_string())))?,
            }
        }
    }

    async fn use_tool(&mut self, people: &People, tool: &str) -> Result<(), Stop> {
        let Some(entry) = self.session.engine.registry().get(tool) else {
            return Ok(());
        };
        let descriptor = entry.descriptor();
        print(&format!(
            "\n{}",
            text::wrapped(&tools::one_line(&descriptor.description), "  ", "  ")
        ))?;
        let hidden = match &descriptor.gates.user_input {
            Some(gate) if gate.hidden => gate.fields.clone(),
            Some(_) | None => Vec::new(),
        };
        let names = descriptor
            .parameters
            .iter()
            .map(|it| it.name.clone())
            .filter(|it| !hidden.contains(it));
        let arguments = self
            .fields(descriptor, &names.collect::<Vec<_>>(), &Map::new())
            .await?;
        let args = CallArgs {
            tool: tool.to_owned(),
            args: Value::Object(arguments).to_string(),
            by: Some(self.by.clone()),
            run: None,
            session: None,
            no_run: false,
        };
        let reply = call::propose(self.session, args).await?;
        let waits = reply.json["status"] == "waiting";
        match reply.json["call"].as_str().and_then(|it| it.parse().ok()) {
            Some(call) if waits => self.conduct(people, call).await,
            _ => {
                print(&format!("\n{}", reply.text))?;
                self.show_effects()?;
                Ok(())
            }
        }
    }

    /// Asks for fields, one after the other.
    async fn fields(
        &mut self,
        descriptor: &Descriptor,
        names: &[String],
        now: &Map<String, Value>,
    ) -> Result<Map<String, Value>, Stop> {
        let mut values = Map::new();
        for name in names {
            let Some(field) = Field::of(descriptor, name) else {
                continue;
            };
            if let Some(value) = self.prompt.field(&field, now.get(name)).await? {
                values.insert(name.clone(), value);
            }
        }
        Ok(values)
    }

    /// Brings a waiting call on, gate after gate, until it is closed or the person turns away.
    async fn conduct(&mut self, people: &People, id: CallId) -> Result<(), Stop> {
        loop {
            let advanced = self.session.settle(id).await?;
            let call = advanced.call;
            if matches!(call.phase(), Phase::Closed { .. }) {
                let args = ShowArgs {
                    call: id,
                    token: false,
                    by: None,
                };
                print(&format!("\n{}", show::show(self.session, args).await?.text))?;
                self.show_effects()?;
                return Ok(());
            }
            let requirements = call.requirements();
            if self.session.is_stale(&call) || requirements.is_empty() {
                let reply = self.session.reply(&call, advanced.refused.as_ref()).await?;
                print(&format!("\n{}", reply.text))?;
                return Ok(());
            }
            print(&pause(self.session, people, &call, &requirements))?;
            let requirement = if let [one] = requirements.as_slice() {
                one
            } else {
                let said = self
                    .prompt
                    .line("Which one? (number, or Enter to leave it waiting)", None)
                    .await?;
                match said
                    .parse::<usize>()
                    .ok()
                    .and_then(|it| requirements.get(it.wrapping_sub(1)))
                {
                    Some(one) => one,
                    None => return Ok(print(&format!("  It waits: {id}\n"))?),
                }
            };
            if !self.decide(people, &call, requirement).await? {
                print(&format!("  It waits: {id}\n"))?;
                return Ok(());
            }
        }
    }

    /// Takes one decision; false if there is none now.
    async fn decide(
        &mut self,
        people: &People,
        call: &Call,
        requirement: &Requirement,
    ) -> Result<bool, Stop> {
        let asked = requirement::asked(people, call, requirement);
        let likely = if asked.iter().any(|it| *it == self.by.to_string()) {
            self.by.to_string()
        } else {
            asked.first().cloned().unwrap_or_else(|| self.by.to_string())
        };
        let by = self.who(people, "Sign off as", Some(&likely)).await?;
        let choices = choices(requirement.kind);
        let words: Vec<String> = choices
            .iter()
            .map(|(letter, word, _)| format!("{letter} {word}"))
            .collect();
        let said = self
            .prompt
            .line(
                &format!("{by}: {}, Enter to leave it waiting", words.join(", ")),
                None,
            )
            .await?;
        let Some((_, _, verb)) = choices
            .iter()
            .find(|(letter, word, _)| said == *letter || said == *word)
        else {
            return Ok(false);
        };
        let mut args = DecideArgs {
            requirement: requirement.id,
            verb: *verb,
            by: Some(by),
            reason: None,
            arguments: None,
            values: None,
            result: None,
            failed: None,
            token: None,
            remember: None,
            scope: Span::Run,
            uses: None,
            no_run: false,
        };
        let now = requirement.arguments.value();
        let now = now.as_object().cloned().unwrap_or_default();
        let descriptor = self.session.descriptor(call).await?;
        match verb {
            Verb::Amend => {
                let names: Vec<String> = descriptor.parameters.iter().map(|it| it.name.clone()).collect();
                args.arguments =
                    Some(Value::Object(self.fields(&descriptor, &names, &now).await?).to_string());
            }
            Verb::Fill => {
                let values = self.fields(&descriptor, &requirement.fields, &now).await?;
                args.values = Some(Value::Object(values).to_string());
            }
            Verb::Answer | Verb::Report | Verb::Done => {
                args.result = Some(
                    self.prompt
                        .json("Result (JSON, or plain text)")
                        .await?
                        .to_string(),
                );
            }
            Verb::Confirm
            | Verb::Approve
            | Verb::Reject
            | Verb::Reask
            | Verb::Retry
            | Verb::HandedOff
            | Verb::Abandon => {}
        }
        if !matches!(verb, Verb::Confirm | Verb::Fill | Verb::Answer | Verb::Report) {
            let reason = self.prompt.line("Reason (may be empty)", Some("")).await?;
            args.reason = (!reason.is_empty()).then_some(reason);
        }
        let reply = decide::decide(self.session, args).await?;
        if reply.json["status"] == "refused" {
            print(&format!("\n{}", reply.text))?;
        }
        Ok(true)
    }

    fn show_effects(&self) -> Result<(), Failure> {
        match self.effects {
            Some(effects) => {
                let lines = effects(&self.session.data);
                let lines = text::indented(&lines);
                print(&format!("\n{lines}"))
            }
            None => Ok(()),
        }
    }
}

/// The pause: what will run, and who is asked for what.
fn pause(session: &Session, people: &People, call: &Call, requirements: &[Requirement]) -> String {
    let mut words = match call.phase() {
        Phase::External { .. } => "\nWaiting for the outside system.\n\n".to_owned(),
        Phase::InDoubt { .. } => "\nWaiting for an operator.\n\n".to_owned(),
        _ => "\nPaused. Nothing has run.\n\n".to_owned(),
    };
    words.push_str(&head(session, call));
    for (place, requirement) in requirements.iter().enumerate() {
        words.push('\n');
        let mark = if requirements.len() > 1 {
            format!("{}. ", place + 1)
        } else {
            String::new()
        };
        let asked = requirement::asked(people, call, requirement);
        words.push_str(&requirement::question(call, requirement, &asked, &mark));
    }
    words.push('\n');
    words
}

/// What can be said, by letter.
const fn choices(kind: RequirementKind) -> &'static [(&'static str, &'static str, Verb)] {
    match kind {
        RequirementKind::UserInput => &[("f", "fill in", Verb::Fill), ("r", "reject", Verb::Reject)],
        RequirementKind::Confirmation => &[
            ("c", "confirm", Verb::Confirm),
            ("m", "amend", Verb::Amend),
            ("a", "answer", Verb::Answer),
            ("r", "reject", Verb::Reject),
        ],
        RequirementKind::Approval => &[("a", "approve", Verb::Approve), ("r", "reject", Verb::Reject)],
        RequirementKind::External => &[("r", "report", Verb::Report)],
        RequirementKind::InDoubt => &[
            ("d", "done", Verb::Done),
            ("t", "retry", Verb::Retry),
            ("h", "handed-off", Verb::HandedOff),
            ("x", "abandon", Verb::Abandon),
        ],
    }
}
