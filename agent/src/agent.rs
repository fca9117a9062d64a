//! An agent: a model, its tools, its hooks and its limits.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use countersign::core::actor::Kind;
use countersign::core::tool::Descriptor;
use countersign::schema::Rendered;
use countersign::{ActorId, Engine, Identity, RunId};
use serde_json::json;

use crate::error::Error;
use crate::hook::Hooked;
use crate::model::{ModelProvider, Offered};
use crate::session::{OnBusy, Sessions};
use crate::start::RunBuilder;

/// How long a process that leads a run and says nothing is believed to be alive: thirty seconds.
pub const LEASE: Duration = Duration::from_secs(30);

/// What one run may take.
///
/// ```
/// use countersign_agent::Limits;
///
/// let limits = Limits { turns: 8, ..Limits::default() };
/// assert_eq!(limits.tokens, None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How often the model is asked; 32 unless said.
    pub turns: u32,
    /// How many tokens it may read and write, as far as the provider tells; any number unless said.
    pub tokens: Option<u64>,
    /// How long it may be led, without the time it is paused; ten minutes unless said.
    pub time: Duration,
    /// How often a model that fails for a moment is asked again; three times unless said.
    pub retries: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            turns: 32,
            tokens: None,
            time: Duration::from_mins(10),
            retries: 3,
        }
    }
}

/// A model loop over the tools of an engine. Cheap to clone; all clones are the same agent.
///
/// It may stop at any call for days and go on in another process: a run is what is stored of it.
///
/// ```
/// use countersign::prelude::*;
/// use countersign::store::Sqlite;
/// use countersign_agent::model::{ScriptedModel, Step};
/// use countersign_agent::{Agent, Status};
/// use serde_json::json;
///
/// /// Refund a customer.
/// #[tool(requires_confirmation)]
/// fn refund(customer: String, cents: u64) -> String {
///     format!("{customer} got {cents}")
/// }
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let engine = Engine::builder()
///     .store(Sqlite::in_memory()?)
///     .registry(Registry::of::<refund>()?)
///     .policy(Policy::parse("[actors]\nalice = { kind = \"person\" }\nhelpdesk = { kind = \"agent\" }")?)
///     .start()
///     .await?;
/// let model = ScriptedModel::new([
///     Step::call("refund", json!({"customer": "ACME", "cents": 500})),
///     Step::say("ACME has its money."),
/// ]);
/// let agent = Agent::builder("helpdesk").model(model).build(&engine).await?;
///
/// let alice = Identity::asserted("alice")?;
/// let run = agent.run("Refund ACME-123.").by(&alice).await?;
/// assert_eq!(run.status(), Status::Paused);
///
/// let decisions: Vec<Decision> = run.active_requirements().iter().map(Decide::confirm).collect();
/// let run = agent.continue_run(run.id(), decisions).by(&alice).await?;
/// assert_eq!(run.output(), Some("ACME has its money."));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Agent(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) engine: Engine,
    pub(crate) identity: Identity,
    pub(crate) instructions: String,
    pub(crate) model: Arc<dyn ModelProvider>,
    pub(crate) offered: Vec<Offered>,
    pub(crate) children: BTreeMap<String, Agent>,
    pub(crate) hooks: Hooks,
    pub(crate) limits: Limits,
    pub(crate) max_tokens: Option<u32>,
    pub(crate) busy: OnBusy,
    pub(crate) lease: Duration,
    pub(crate) sessions: Sessions,
    pub(crate) worker: Mutex<Option<crate::worker::Running>>,
}

/// The hooks of an agent, by where they stand.
#[derive(Clone, Default)]
pub(crate) struct Hooks {
    pub(crate) pre: Vec<Hooked>,
    pub(crate) post: Vec<Hooked>,
    pub(crate) tool: Vec<Hooked>,
}

impl Hooks {
    /// Each kind, by the word that stands before the names of its background hooks where they are stored.
    pub(crate) const fn kinds(&self) -> [(&'static str, &Vec<Hooked>); 3] {
        [("pre", &self.pre), ("post", &self.post), ("tool", &self.tool)]
    }

    /// Those that run after the answer, as they are stored.
    pub(crate) fn after(&self) -> Vec<String> {
        let mut names = Vec::new();
        for (kind, hooks) in self.kinds() {
            for hooked in hooks.iter().filter(|it| it.is_background()) {
                names.push(format!("{kind} {}", hooked.name()));
            }
        }
        names
    }
}

impl Agent {
    /// Starts to build an agent of this name. The policy must know an actor of kind `agent` by it.
    pub fn builder(name: impl Into<String>) -> AgentBuilder {
        AgentBuilder {
            name: name.into(),
            instructions: String::new(),
            model: None,
            tools: None,
            children: Vec::new(),
            hooks: Hooks::default(),
            limits: Limits::default(),
            max_tokens: None,
            busy: OnBusy::default(),
            history: 50,
            lease: LEASE,
            worker: true,
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.0.identity.id().as_str()
    }

    /// The engine whose tools it uses.
    pub fn engine(&self) -> &Engine {
        &self.0.engine
    }

    /// The name of its model; `scripted` where there is none.
    pub fn model_name(&self) -> &str {
        self.0.model.name()
    }

    /// Gives it something to do: `agent.run("Refund ACME-123.").by(&alice).session("s1").await?`.
    pub fn run(&self, input: impl Into<String>) -> RunBuilder<'_> {
        RunBuilder::new(self, input.into())
    }

    /// The agent of that name among this one and those it may ask.
    pub(crate) fn find(&self, name: &ActorId) -> Option<&Self> {
        if self.0.identity.id() == name {
            return Some(self);
        }
        self.0.children.values().find_map(|it| it.find(name))
    }

    /// Whether a run of that id is of this agent, or of one it may ask.
    pub(crate) async fn load(&self, id: RunId) -> Result<(Self, crate::stored::Stored), Error> {
        let stored = crate::stored::Stored::load(&self.0.engine, id).await?;
        let found = stored.and_then(|it| Some((self.find(&it.agent)?.clone(), it)));
        found.ok_or(Error::UnknownRun(id))
    }
}

impl fmt::Debug for Agent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Agent")
            .field("name", &self.name())
            .finish_non_exhaustive()
    }
}

/// What an agent is built from.
///
/// [`Agent`] has an example.
#[must_use]
pub struct AgentBuilder {
    name: String,
    instructions: String,
    model: Option<Arc<dyn ModelProvider>>,
    tools: Option<Vec<String>>,
    children: Vec<(String, Agent)>,
    hooks: Hooks,
    limits: Limits,
    max_tokens: Option<u32>,
    busy: OnBusy,
    history: usize,
    lease: Duration,
    worker: bool,
}

impl AgentBuilder {
    /// The model. Required.
    pub fn model(self, model: impl ModelProvider) -> Self {
        self.shared_model(Arc::new(model))
    }

    /// The same, where it was chosen at run time.
    pub fn shared_model(mut self, model: Arc<dyn ModelProvider>) -> Self {
        self.model = Some(model);
        self
    }

    /// What the model is told to be.
    pub fn instructions(mut self, text: impl Into<String>) -> Self {
        self.instructions = text.into();
        self
    }

    /// The tools it may use, by name; all of the engine's unless said.
    pub fn tools<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.tools = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// Another agent that it may ask as if it were a tool: the model is told its name and what it is for. It acts
    /// for the same requester, in a run of its own; what was approved or remembered for this agent covers none
    /// of its calls.
    pub fn agent(mut self, child: Agent, purpose: impl Into<String>) -> Self {
        self.children.push((purpose.into(), child));
        self
    }

    /// A hook that sees the input before the model does, after those that were added before.
    pub fn pre_hook(mut self, hook: impl Into<Hooked>) -> Self {
        self.hooks.pre.push(hook.into());
        self
    }

    /// A hook that sees the output before the person does. With one that is not in the background, nobody hears
    /// the words of the model while it is still speaking.
    pub fn post_hook(mut self, hook: impl Into<Hooked>) -> Self {
        self.hooks.post.push(hook.into());
        self
    }

    /// A hook around every call: it sees the arguments before they are sealed, and what came of the call before
    /// the model does.
    pub fn tool_hook(mut self, hook: impl Into<Hooked>) -> Self {
        self.hooks.tool.push(hook.into());
        self
    }

    /// What one run may take.
    pub const fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The most tokens that the model may answer with at once; the provider's own limit unless said.
    pub const fn max_tokens(mut self, tokens: u32) -> Self {
        self.max_tokens = Some(tokens);
        self
    }

    /// What becomes of a new message while the session is busy; it is refused unless said.
    pub const fn on_busy(mut self, busy: OnBusy) -> Self {
        self.busy = busy;
        self
    }

    /// How many earlier runs of a session the model is told of; 50 unless said.
    pub const fn history(mut self, runs: usize) -> Self {
        self.history = runs;
        self
    }

    /// How long a process that leads a run and says nothing is believed to be alive; [`LEASE`] unless said.
    /// Renewed three times in that time.
    pub const fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// Whether to continue runs in the background that were decided elsewhere or left by a process that died, and
    /// to run background hooks; yes unless said. Without it, use [`Agent::work`].
    pub const fn worker(mut self, worker: bool) -> Self {
        self.worker = worker;
        self
    }

    /// Checks that everything fits together, and starts the worker.
    ///
    /// # Errors
    ///
    /// [`Error::Build`] without a model, for a tool that the engine does not have, for a name that the policy does
    /// not know as an agent; otherwise if the store fails.
    pub async fn build(self, engine: &Engine) -> Result<Agent, Error> {
        let name = self.name.clone();
        let fail = |why: String| Error::Build {
            agent: name.clone(),
            why,
        };
        let identity = Identity::asserted(&self.name)?;
        if engine.actor(&identity).await?.kind != Kind::Agent {
            return Err(fail(format!(
                "the policy knows no agent of that name; add `{name} = {{ kind = \"agent\", owner = \"…\" }}` to `[actors]`"
            )));
        }
        let model = self
            .model
            .ok_or_else(|| fail("it needs a model: `.model(…)`".to_owned()))?;
        let mut offered = Vec::new();
        let names = self.tools.unwrap_or_else(|| {
            engine
                .registry()
                .iter()
                .map(|it| it.definition().name.to_owned())
                .collect()
        });
        for tool in names {
            let entry = engine
                .registry()
                .get(&tool)
                .ok_or_else(|| fail(format!("the engine has no tool `{tool}`")))?;
            offered.push(Offered::of(Arc::new(Rendered::new(entry.descriptor()))));
        }
        let mut children = BTreeMap::new();
        for (purpose, child) in self.children {
            let tool = child.name().to_owned();
            let descriptor = as_tool(&tool, &purpose).map_err(|it| fail(it.to_string()))?;
            if offered.iter().any(|it| it.name() == tool) {
                return Err(fail(format!("a tool and an agent are both called `{tool}`")));
            }
            offered.push(Offered::of(Arc::new(Rendered::new(Arc::new(descriptor)))));
            children.insert(tool, child);
        }
        let agent = Agent(Arc::new(Inner {
            engine: engine.clone(),
            identity,
            instructions: self.instructions,
            model,
            offered,
            children,
            hooks: self.hooks,
            limits: self.limits,
            max_tokens: self.max_tokens,
            busy: self.busy,
            lease: self.lease.max(Duration::from_millis(30)),
            sessions: Sessions::new(self.history),
            worker: Mutex::new(None),
        }));
        if self.worker {
            agent.start_worker();
        }
        Ok(agent)
    }
}

/// How a model is told of an agent that it may ask.
fn as_tool(name: &str, purpose: &str) -> Result<Descriptor, serde_json::Error> {
    serde_json::from_value(json!({
        "name": name,
        "description": purpose,
        "parameters": [{"name": "input", "description": "What it is to do, in words.", "required": true}],
        "input_schema": {
            "type": "object",
            "properties": {"input": {"type": "string", "description": "What it is to do, in words."}},
            "required": ["input"],
            "additionalProperties": false,
        },
        "gates": {},
        "hints": {"read_only": false, "destructive": false, "idempotent": false, "open_world": false},
    }))
}
