//! What injected instructions do, as meanings that stand together in a sentence.
//!
//! No rule knows a language, and none a whole sentence: it asks whether words of one meaning stand near words of
//! another. Each that holds adds its weight; at [`CERTAIN`] the text is blocked, from [`UNSURE`] a judge is asked.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::super::pattern::pattern;
use super::lexicon::{Concept as C, Hit, hits};

/// From this sum of weights on, a text is an injection.
pub(super) const CERTAIN: f32 = 1.0;
/// From this sum on, it may be one.
pub(super) const UNSURE: f32 = 0.5;

/// How much speaks for an injection, and what.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Score {
    pub(super) weight: f32,
    pub(super) reasons: Vec<&'static str>,
}

impl Score {
    fn add(&mut self, weight: f32, reason: &'static str) {
        if weight > 0.0 {
            self.weight += weight;
            if !self.reasons.contains(&reason) {
                self.reasons.push(reason);
            }
        }
    }
}

static DELIMITER: LazyLock<Regex> = LazyLock::new(|| {
    pattern(concat!(
        r"(?im)<\|\s*(?:im_start|im_end|system|user|assistant|endoftext|start_header_id|end_header_id|eot_id)\s*\|>|\[/?INST\]|<</?SYS>>",
        r"|</?(?:system|system[_-]prompt|system[_-]message|instructions?|user[_-]input|tool[_-]output|untrusted)\s*>",
        r"|^\W*(?:end|begin|start|stop|close|finish)\s+(?:of\s+)?(?:the\s+)?(?:user|system|tool|document|untrusted|external)?\s*(?:input|prompt|message|instructions?|output|data|context|query|text|content)\b\W*$",
        r"|^\W*-{3,}\s*(?:end|begin|new|system)\b",
        r#"|"role"\s*:\s*"(?:system|developer)""#
    ))
});
static ROLE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?im)^[\s#>*\[(]*(?:system|developer|assistant|admin)(?: (?:message|prompt|note|override|instructions?|alert|command))?[\])*]*\s*:\s*\S",
    )
});
/// A tool is to be used that does more than read: `use send_email to …`.
static TOOL: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?i)\b(?:call|use|using|invoke|run|execute|trigger|chiama|usa|appelle|utilise|llama a|usa la|rufe|nutze|verwende)\s+(?:the\s+|to\s+|a\s+)?(?:tool\s+|function\s+)?["'`]?(?:send|delete|remove|forward|email|transfer|post|upload|write|exec|execute|run|drop|grant|share|publish|pay|refund|approve|shell|disable|purge|wipe|revoke)_[a-z_]+(?:[^a-z_(]|$)"#,
    )
});
static ADDRESS: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?i)[\w.+\-]+@[\w\-]+\.[\w.\-]+|https?://\S+|\b(?:ftp|wss?)://\S+"));
/// Where a sentence ends.
static END: LazyLock<Regex> = LazyLock::new(|| pattern(r#"[.!?;]["')\]]?\s|\n\n|[。！？；]"#));

/// A text with what its words mean.
struct Scene {
    /// By concept, in order.
    hits: Vec<(C, Vec<Hit>)>,
    ends: Vec<usize>,
}

impl Scene {
    fn of(text: &str) -> Option<Self> {
        let mut scene = Self {
            hits: Vec::new(),
            ends: END.find_iter(text).map(|it| it.start()).collect(),
        };
        let addresses = ADDRESS.find_iter(text).map(|it| Hit {
            concept: C::Outside,
            start: it.start(),
            end: it.end(),
        });
        for hit in hits(text)?.into_iter().chain(addresses) {
            match scene.hits.iter_mut().find(|it| it.0 == hit.concept) {
                Some((_, hits)) => hits.push(hit),
                None => scene.hits.push((hit.concept, vec![hit])),
            }
        }
        for (_, hits) in &mut scene.hits {
            hits.sort_by_key(|it| it.start);
        }
        Some(scene)
    }

    fn all(&self, concept: C) -> &[Hit] {
        self.hits
            .iter()
            .find(|it| it.0 == concept)
            .map_or(&[], |it| &it.1)
    }

    fn has(&self, concept: C) -> bool {
        !self.all(concept).is_empty()
    }

    /// How many sentences ended before.
    fn sentence(&self, at: usize) -> usize {
        self.ends.partition_point(|it| *it < at)
    }

    /// The hits of a meaning that lie in a range, widened by so many bytes.
    fn around(&self, concept: C, range: &Range<usize>, reach: usize) -> impl Iterator<Item = &Hit> {
        /// No word is longer.
        const LONGEST: usize = 64;
        let all = self.all(concept);
        let from = all.partition_point(|it| it.start + reach + LONGEST < range.start);
        let within = move |it: &&Hit| it.end + reach >= range.start && it.start <= range.end + reach;
        let last = range.end + reach;
        all[from..]
            .iter()
            .take_while(move |it| it.start <= last)
            .filter(within)
    }

    /// Where a word of one meaning stands at most so many bytes from a word of another, in one sentence.
    fn pairs(&self, one: C, other: C, gap: usize) -> impl Iterator<Item = Range<usize>> {
        self.all(one).iter().flat_map(move |a| {
            let range = a.start..a.end;
            let near: Vec<&Hit> = self.around(other, &range, gap).collect();
            near.into_iter().filter_map(move |b| {
                let apart = b.start >= a.end || b.end <= a.start;
                let span = a.start.min(b.start)..a.end.max(b.end);
                let together = self.sentence(span.start) == self.sentence(span.end.saturating_sub(1));
                (apart && together).then_some(span)
            })
        })
    }

    /// Whether such a pair is there.
    fn near(&self, one: C, other: C, gap: usize) -> bool {
        self.pairs(one, other, gap).next().is_some()
    }

    /// Whether a word of this meaning stands in a range or at most so many bytes from it.
    fn beside(&self, concept: C, range: &Range<usize>, reach: usize) -> bool {
        self.around(concept, range, reach).next().is_some()
    }

    /// The weight of the heaviest pair.
    fn heaviest(&self, one: C, other: C, gap: usize, weigh: impl Fn(&Range<usize>) -> f32) -> f32 {
        self.pairs(one, other, gap)
            .map(|it| weigh(&it))
            .fold(0.0, f32::max)
    }
}

/// Weighs a text that [`lowered`](super::plain::lowered) has made. `is_data` if a tool or a document says it, not
/// the person: then words that tell the model what to do weigh by themselves. None if it cannot be weighed.
pub(super) fn weighed(text: &str, is_data: bool) -> Option<Score> {
    let scene = Scene::of(text)?;
    let mut score = Score::default();
    overriding(&scene, is_data, &mut score);
    unbinding(&scene, &mut score);
    extracting(&scene, &mut score);
    feigning(&scene, text, &mut score);
    if is_data {
        commanding(&scene, text, &mut score);
    } else if scene.has(C::Hide) {
        score.add(0.4, "hides something from the person");
    }
    Some(score)
}

/// Weighs what stands at the edges of lines, in the text as it was written.
pub(super) fn framed(text: &str) -> Score {
    let mut score = Score::default();
    if DELIMITER.is_match(text) {
        score.add(0.7, "imitates the frame of a prompt");
    }
    if ROLE.is_match(text) {
        score.add(0.4, "speaks in the name of the system");
    }
    score
}

/// Old rules are set aside, new ones given.
fn overriding(scene: &Scene, is_data: bool, score: &mut Score) {
    let rules = scene.heaviest(C::Drop, C::Rules, 40, |span| {
        let mine = scene.around(C::Mine, span, 0).next().is_some();
        match (mine, scene.beside(C::Prior, span, 24)) {
            // "Ignore my previous instructions": what somebody said themselves, they may take back.
            (true, _) => 0.3,
            (false, true) => 1.0,
            (false, false) => 0.5,
        }
    });
    let guards = if scene.near(C::Drop, C::Guard, 40) {
        1.0
    } else {
        0.0
    };
    let before = if scene.near(C::Drop, C::Before, 40) {
        1.0
    } else {
        0.0
    };
    score.add(
        f32::max(rules, f32::max(guards, before)),
        "sets instructions aside",
    );
    if scene.near(C::Drop, C::User, 20) {
        score.add(if is_data { 1.0 } else { 0.6 }, "sets the person aside");
    }
    if scene.near(C::Guard, C::Exempt, 40) {
        score.add(1.0, "declares rules void");
    } else if scene.near(C::Rules, C::Exempt, 40) {
        score.add(0.5, "declares rules void");
    }
    if scene.near(C::Comply, C::Whatever, 30) {
        let always = scene
            .pairs(C::Comply, C::Whatever, 30)
            .any(|it| scene.beside(C::Always, &it, 60) || scene.beside(C::Must, &it, 30));
        score.add(if always { 1.0 } else { 0.6 }, "demands obedience");
    }
    let given = [C::You, C::Comply, C::Always, C::Must, C::Reveal, C::Send]
        .into_iter()
        .filter(|it| scene.near(C::NewRules, *it, 60))
        .count();
    if scene.has(C::NewRules) {
        score.add(if given > 1 { 0.8 } else { 0.4 }, "gives new instructions");
    }
}

/// The model is to be another, one without rules.
fn unbinding(scene: &Scene, score: &mut Score) {
    let reason = "takes limits away";
    if scene.near(C::Persona, C::Unbound, 80) {
        score.add(1.0, reason);
    }
    if scene.near(C::Comply, C::Unbound, 40) {
        score.add(0.7, reason);
    }
    if scene.near(C::You, C::Unbound, 40) {
        let always = scene
            .pairs(C::You, C::Unbound, 40)
            .any(|it| scene.beside(C::Always, &it, 40));
        score.add(if always { 1.0 } else { 0.5 }, reason);
    }
    if scene.has(C::Mode) {
        score.add(0.3, "names a mode without rules");
        if scene.near(C::Mode, C::Persona, 40) || scene.near(C::Mode, C::You, 40) {
            score.add(0.4, "names a mode without rules");
        }
        if scene.has(C::Unbound) {
            score.add(0.5, "names a mode without rules");
        }
    }
    if scene.has(C::Thought)
        && (scene.has(C::Unbound)
            || scene.near(C::Thought, C::Drop, 120)
            || scene.near(C::Thought, C::Exempt, 120))
    {
        score.add(0.6, "puts thoughts into the model's mouth");
    }
}

/// Something is to get out: the prompt, keys, other people's data.
fn extracting(scene: &Scene, score: &mut Score) {
    if scene.near(C::Reveal, C::Prompt, 50) {
        score.add(1.0, "asks for the system's instructions");
    } else {
        // "Your rules" may be those of a shop.
        let rules = scene.heaviest(C::Reveal, C::Guard, 40, |it| {
            if scene.beside(C::Expose, it, 20) { 1.0 } else { 0.5 }
        });
        let before = scene.heaviest(C::Reveal, C::Before, 30, |it| {
            if scene.beside(C::Expose, it, 20) { 1.0 } else { 0.5 }
        });
        score.add(f32::max(rules, before), "asks for the system's instructions");
    }
    // "My API key" is one's own.
    let not_mine = |span: &Range<usize>| {
        let own = |it: &Hit| scene.beside(C::Mine, &(it.start..it.start), 2);
        !scene.around(C::Secrets, span, 0).all(own)
    };
    let sent = scene.heaviest(C::Send, C::Secrets, 60, |span| {
        match (not_mine(span), scene.beside(C::Outside, span, 80)) {
            (true, true) => 1.0,
            (true, false) => 0.6,
            (false, _) => 0.0,
        }
    });
    let shown = scene.heaviest(C::Reveal, C::Secrets, 40, |span| {
        match (not_mine(span), scene.beside(C::Prior, span, 8)) {
            (true, true) => 0.7,
            (true, false) => 0.4,
            (false, _) => 0.0,
        }
    });
    score.add(f32::max(sent, shown), "asks for secrets or the data of others");
}

/// Who speaks, and what a piece of text is, are feigned.
fn feigning(scene: &Scene, text: &str, score: &mut Score) {
    if scene.near(C::Decode, C::Execute, 80) {
        score.add(1.0, "wants hidden text obeyed");
    } else if scene.has(C::Decode) && scene.has(C::Execute) && text.len() < 2048 {
        score.add(0.6, "wants hidden text obeyed");
    }
    if scene.has(C::Rights) {
        score.add(0.5, "claims rights");
    }
    let spoken_to = scene.near(C::Model, C::Drop, 60)
        || scene.near(C::Model, C::Send, 80)
        || scene.near(C::Model, C::Hide, 80);
    if spoken_to {
        score.add(0.4, "speaks to the model");
    }
}

/// Data tells the model what to do.
fn commanding(scene: &Scene, text: &str, score: &mut Score) {
    if TOOL.is_match(text) {
        score.add(1.0, "tells the model to use a tool");
    }
    if scene.near(C::Insert, C::YourAnswer, 100) || scene.near(C::Insert, C::Prompt, 60) {
        score.add(1.0, "tells the model what to put into its answers");
    } else {
        let answers = scene.heaviest(C::Insert, C::Answer, 60, |it| {
            if scene.beside(C::Always, it, 40) || scene.beside(C::Must, it, 40) {
                0.7
            } else {
                0.3
            }
        });
        score.add(answers, "tells the model what to put into its answers");
    }
    if scene.has(C::Model) {
        let ordered = scene.near(C::Model, C::Must, 80);
        let done = [
            C::Destroy,
            C::Send,
            C::Insert,
            C::Drop,
            C::Execute,
            C::Hide,
            C::Reveal,
            C::Remember,
        ];
        let done = done
            .into_iter()
            .filter(|it| scene.near(C::Model, *it, 120))
            .count();
        score.add(
            if ordered { 0.6 } else { 0.2 } + if done > 0 { 0.4 } else { 0.0 },
            "speaks to the model",
        );
    }
    if scene.near(C::Remember, C::Always, 60) {
        score.add(0.8, "plants a memory");
    }
    if scene.has(C::Hide) {
        score.add(0.8, "hides something from the person");
    }
    if scene.near(C::YourAnswer, C::Destroy, 100) || scene.near(C::YourAnswer, C::Send, 100) {
        score.add(0.6, "tells the model what to do before it answers");
    }
    let carried = scene.heaviest(C::Send, C::Answer, 60, |it| {
        if scene.beside(C::Outside, it, 60) {
            0.8
        } else {
            0.0
        }
    });
    score.add(carried, "sends something away");
}
