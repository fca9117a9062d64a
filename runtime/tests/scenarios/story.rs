//! The words of a story: who is there, what a call demands, and who does what at which time.
//!
//! Read from the table and written back in the same words, so that a story that goes wrong can be put into
//! the table as it is printed. Knows nothing of the engine and nothing of the model.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use serde::Deserialize;

/// From this amount on, gates with `if big` stand.
pub(crate) const BIG: u32 = 1000;
/// Everybody who exists; whoever else is named, nobody knows.
pub(crate) const PERSONS: [&str; 8] = [
    "alice", "bob", "erin", "frank", "carol", "dave", "mallory", "olivia",
];
/// A program that is no agent.
pub(crate) const SERVICE: &str = "relay";
/// An agent; the setup says who owns it.
pub(crate) const AGENT: &str = "bot";
/// Whoever has this role may steer every call. Joined and left like a pool.
pub(crate) const OPERATOR: &str = "operator";

pub(crate) type Pools = BTreeMap<String, BTreeSet<String>>;

/// An approval gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Gate {
    pub(crate) pool: String,
    pub(crate) quorum: usize,
    pub(crate) expires: Duration,
    /// Whether it only stands for big amounts.
    pub(crate) big: bool,
}

/// What is there before the first step: a call that was just opened.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    pub(crate) input: bool,
    pub(crate) confirm: bool,
    pub(crate) approvals: Vec<Gate>,
    /// How long it is asked for fields and for the confirmation.
    pub(crate) patience: Duration,
    pub(crate) pools: Pools,
    /// The pools of another tenant on the same file. If there are any, it has the same call too.
    pub(crate) west: Pools,
    pub(crate) by: String,
    pub(crate) through: Option<String>,
    /// Of the agent.
    pub(crate) owner: Option<String>,
    pub(crate) amount: u32,
    /// Whether the requester has said before that they need not be asked to confirm.
    pub(crate) granted: bool,
}

/// Who does something: in which tenant, through which edge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Who {
    pub(crate) name: String,
    pub(crate) place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Here,
    /// Another tenant.
    West,
    /// The same tenant, through another edge.
    Console,
}

/// Which asking of a gate somebody answers: that of now, the very first, or that before the last change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    Now,
    First,
    Before,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verb {
    Fills,
    Confirms,
    ConfirmsRemembering,
    Amends(u32),
    Answers,
    Rejects,
    Approves,
    ApprovesRemembering,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Deed {
    /// Somebody says something about a gate: `input`, `confirm` or a pool.
    Says {
        who: Who,
        verb: Verb,
        gate: String,
        shown: Shown,
    },
    Reasks(Who),
    Cancels(Who),
    Looks(Who),
    Joins(Who, String),
    Leaves(Who, String),
    IsGone(Who),
    /// A rule is added: this pool, that many of them.
    RulesAdd(String, usize),
    Worker(Place),
    Sweeper,
}

/// Something that is done, so long after the call was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) at: Duration,
    pub(crate) deed: Deed,
}

/// A row of the table.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) name: String,
    /// Which heading it stands under.
    pub(crate) of: String,
    pub(crate) setup: Setup,
    /// Each with the answer that is expected; none for what nobody answers.
    pub(crate) steps: Vec<(Step, String)>,
    pub(crate) ends: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    pools: BTreeMap<String, String>,
    row: Vec<Line>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    name: String,
    of: String,
    gates: Vec<String>,
    #[serde(default)]
    pools: BTreeMap<String, String>,
    #[serde(default)]
    west: BTreeMap<String, String>,
    patience: Option<String>,
    by: Option<String>,
    through: Option<String>,
    owner: Option<String>,
    amount: Option<u32>,
    #[serde(default)]
    granted: bool,
    steps: Vec<String>,
    ends: String,
}

fn pools(text: &BTreeMap<String, String>) -> Pools {
    let members = |text: &String| text.split_whitespace().map(str::to_owned).collect();
    text.iter()
        .map(|(pool, text)| (pool.clone(), members(text)))
        .collect()
}

fn span(text: &str) -> Duration {
    humantime::parse_duration(text).unwrap_or_else(|error| panic!("`{text}`: {error}"))
}

/// `managers`, `managers*2`
fn quorum(text: &str) -> (String, usize) {
    match text.split_once('*') {
        Some((pool, quorum)) => (pool.to_owned(), quorum.parse().unwrap()),
        None => (text.to_owned(), 1),
    }
}

/// The rows of one file.
pub(crate) fn rows(text: &str) -> Vec<Row> {
    let file: File = toml::from_str(text).unwrap_or_else(|error| panic!("{error}"));
    let cast = pools(&file.pools);
    file.row.into_iter().map(|it| row(it, &cast)).collect()
}

fn row(line: Line, cast: &Pools) -> Row {
    let mut setup = Setup {
        input: false,
        confirm: false,
        approvals: Vec::new(),
        patience: span(line.patience.as_deref().unwrap_or("7d")),
        pools: cast.clone(),
        west: pools(&line.west),
        by: line.by.unwrap_or_else(|| "alice".to_owned()),
        through: line.through,
        owner: line.owner,
        amount: line.amount.unwrap_or(BIG),
        granted: line.granted,
    };
    setup.pools.extend(pools(&line.pools));
    for gate in &line.gates {
        match gate.split_whitespace().collect::<Vec<_>>()[..] {
            ["input"] => setup.input = true,
            ["confirm"] => setup.confirm = true,
            [pool, ref rest @ ..] => {
                let (pool, quorum) = quorum(pool);
                let (expires, big) = match rest {
                    [] => (setup.patience, false),
                    ["if", "big"] => (setup.patience, true),
                    [time] => (span(time), false),
                    [time, "if", "big"] => (span(time), true),
                    other => panic!("{}: no gate ends in {other:?}", line.name),
                };
                setup.approvals.push(Gate {
                    pool,
                    quorum,
                    expires,
                    big,
                });
            }
            [] => panic!("{}: an empty gate", line.name),
        }
    }
    let step = |text: &String| match text.split_once("->") {
        Some((step, answer)) => (Step::parse(step), answer.trim().to_owned()),
        None => (Step::parse(text), String::new()),
    };
    Row {
        steps: line.steps.iter().map(step).collect(),
        name: line.name,
        of: line.of,
        setup,
        ends: line.ends,
    }
}

impl Who {
    /// `bob`, `bob@west`, `bob@console`
    pub(crate) fn parse(text: &str) -> Self {
        let (name, place) = match text.split_once('@') {
            None => (text, Place::Here),
            Some((name, "west")) => (name, Place::West),
            Some((name, "console")) => (name, Place::Console),
            Some(_) => panic!("`{text}` is nowhere"),
        };
        Self {
            name: name.to_owned(),
            place,
        }
    }
}

impl Step {
    fn parse(text: &str) -> Self {
        let words: Vec<&str> = text.split_whitespace().collect();
        let (time, words) = words.split_first().expect("a step has a time");
        Self {
            at: span(time),
            deed: Deed::parse(words).unwrap_or_else(|| panic!("`{text}` says nothing")),
        }
    }
}

impl Deed {
    fn parse(words: &[&str]) -> Option<Self> {
        let (words, shown) = match words {
            [rest @ .., "as", "first", "shown"] => (rest, Shown::First),
            [rest @ .., "as", "shown", "before"] => (rest, Shown::Before),
            all => (all, Shown::Now),
        };
        let says = |who: &str, verb, gate: &str| Self::Says {
            who: Who::parse(who),
            verb,
            gate: gate.to_owned(),
            shown,
        };
        Some(match words {
            ["worker"] => Self::Worker(Place::Here),
            ["worker@west"] => Self::Worker(Place::West),
            ["sweeper"] => Self::Sweeper,
            ["rules", "add", gate] => {
                let (pool, quorum) = quorum(gate);
                Self::RulesAdd(pool, quorum)
            }
            [who, "is", "gone"] => Self::IsGone(Who::parse(who)),
            [who, "joins", pool] => Self::Joins(Who::parse(who), (*pool).to_owned()),
            [who, "leaves", pool] => Self::Leaves(Who::parse(who), (*pool).to_owned()),
            [who, "looks"] => Self::Looks(Who::parse(who)),
            [who, "cancels"] => Self::Cancels(Who::parse(who)),
            [who, "reasks"] => Self::Reasks(Who::parse(who)),
            [who, "fills"] => says(who, Verb::Fills, "input"),
            [who, "confirms"] => says(who, Verb::Confirms, "confirm"),
            [who, "confirms", "remembering"] => says(who, Verb::ConfirmsRemembering, "confirm"),
            [who, "amends", "to", amount] => says(who, Verb::Amends(amount.parse().ok()?), "confirm"),
            [who, "answers"] => says(who, Verb::Answers, "confirm"),
            [who, "rejects", gate] => says(who, Verb::Rejects, gate),
            [who, "approves", pool] => says(who, Verb::Approves, pool),
            [who, "approves", pool, "remembering"] => says(who, Verb::ApprovesRemembering, pool),
            _ => return None,
        })
    }
}

impl Display for Who {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        f.write_str(match self.place {
            Place::Here => "",
            Place::West => "@west",
            Place::Console => "@console",
        })
    }
}

impl Display for Deed {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Says {
                who,
                verb,
                gate,
                shown,
            } => {
                match verb {
                    Verb::Fills => write!(f, "{who} fills"),
                    Verb::Confirms => write!(f, "{who} confirms"),
                    Verb::ConfirmsRemembering => write!(f, "{who} confirms remembering"),
                    Verb::Amends(amount) => write!(f, "{who} amends to {amount}"),
                    Verb::Answers => write!(f, "{who} answers"),
                    Verb::Rejects => write!(f, "{who} rejects {gate}"),
                    Verb::Approves => write!(f, "{who} approves {gate}"),
                    Verb::ApprovesRemembering => write!(f, "{who} approves {gate} remembering"),
                }?;
                f.write_str(match shown {
                    Shown::Now => "",
                    Shown::First => " as first shown",
                    Shown::Before => " as shown before",
                })
            }
            Self::Reasks(who) => write!(f, "{who} reasks"),
            Self::Cancels(who) => write!(f, "{who} cancels"),
            Self::Looks(who) => write!(f, "{who} looks"),
            Self::Joins(who, pool) => write!(f, "{who} joins {pool}"),
            Self::Leaves(who, pool) => write!(f, "{who} leaves {pool}"),
            Self::IsGone(who) => write!(f, "{who} is gone"),
            Self::RulesAdd(pool, quorum) => write!(f, "rules add {pool}*{quorum}"),
            Self::Worker(Place::West) => f.write_str("worker@west"),
            Self::Worker(Place::Here | Place::Console) => f.write_str("worker"),
            Self::Sweeper => f.write_str("sweeper"),
        }
    }
}

impl Display for Step {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let time = humantime::format_duration(self.at).to_string().replace(' ', "");
        write!(f, "{time} {}", self.deed)
    }
}

/// As a row of the table, without its steps.
impl Display for Setup {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let fixed = [(self.input, "input"), (self.confirm, "confirm")];
        let fixed = fixed.iter().filter(|it| it.0).map(|it| it.1.to_owned());
        let approvals = self.approvals.iter().map(|it| {
            let time = humantime::format_duration(it.expires)
                .to_string()
                .replace(' ', "");
            let big = if it.big { " if big" } else { "" };
            format!("{}*{} {time}{big}", it.pool, it.quorum)
        });
        writeln!(f, "gates = {:?}", fixed.chain(approvals).collect::<Vec<_>>())?;
        writeln!(f, "patience = \"{}\"", humantime::format_duration(self.patience))?;
        writeln!(f, "by = {:?}", self.by)?;
        for (key, name) in [("through", &self.through), ("owner", &self.owner)] {
            if let Some(name) = name {
                writeln!(f, "{key} = {name:?}")?;
            }
        }
        writeln!(f, "amount = {}\ngranted = {}", self.amount, self.granted)?;
        for (key, pools) in [("pools", &self.pools), ("west", &self.west)] {
            let members = |it: &BTreeSet<String>| it.iter().map(String::as_str).collect::<Vec<_>>().join(" ");
            if !pools.is_empty() {
                let pools = pools
                    .iter()
                    .map(|(pool, it)| format!("{pool} = {:?}", members(it)));
                writeln!(f, "{key} = {{ {} }}", pools.collect::<Vec<_>>().join(", "))?;
            }
        }
        Ok(())
    }
}
