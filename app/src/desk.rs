//! The desk on a terminal: asks what to do, shows the pause, carries what is said.
//!
//! It says nothing that the commands could not: every answer goes through `call` and `decide`, as whoever
//! is named at that moment. It leaves on `q`, at the end of the input and on Ctrl-C; what waits then, waits.

use countersign::{ActorId, Call, CallId, Phase, Requirement};
use serde_json::{Map, Value};

use crate::cli::{CallArgs, ChatArgs, InboxArgs, RunsArgs, ShowArgs, Subject};
use crate::failure::Failure;
use crate::people::People;
use crate::prompt::{Prompt, Stop};
use crate::session::Session;
use crate::{Effects, asking, call, chat, decide, lists, print, requirement, runs, show, text, tools};

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
                "t" if !self.session.agents.is_empty() => {
                    let args = ChatArgs {
                        message: None,
                        by: self.by.clone(),
                        agent: None,
                        session: None,
                        run: None,
                    };
                    chat::talk(self.session, args, &mut self.prompt).await?;
                }
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
                    print(&format!("\n{}", runs::list(self.session, args).await?.text))?;
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
        let talk = match self.session.agents.first() {
            Some(agent) => format!("   t  talk to {}\n", agent.name()),
            None => String::new(),
        };
        let others = "   i  inbox    r  runs    w  be somebody else    q  leave    or the id of a call";
        format!("\n{}\n{talk}{others}\n\n", text::table(&rows))
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
        let names: Vec<String> = names.collect();
        let arguments = asking::fields(&mut self.prompt, descriptor, &names, &Map::new()).await?;
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

    /// Brings a waiting call on, gate after gate, until it is closed or the person turns away.
    async fn conduct(&mut self, people: &People, id: CallId) -> Result<(), Stop> {
        loop {
            let advanced = self.session.settle(id).await?;
            let call = advanced.call;
            if matches!(call.phase(), Phase::Closed { .. }) {
                let args = ShowArgs {
                    what: Subject::Call(id),
                    token: false,
                    by: None,
                };
                print(&format!("\n{}", show::show(self.session, id, &args).await?.text))?;
                self.show_effects()?;
                return Ok(());
            }
            let requirements = call.requirements();
            if self.session.is_stale(&call) || requirements.is_empty() {
                let reply = self.session.reply(&call, advanced.refused.as_ref()).await?;
                print(&format!("\n{}", reply.text))?;
                return Ok(());
            }
            print(&asking::pause(self.session, people, &call, &requirements))?;
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
        let args = asking::decision(&mut self.prompt, self.session, by, call, requirement).await?;
        let Some(args) = args else {
            return Ok(false);
        };
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
