use countersign::prelude::*;
use countersign::schema::Rendered;
use serde_json::json;

use super::*;
use crate::message::{ToolCall, ToolResult};
use crate::model::{ScriptedModel, Step};

/// Refund a customer.
#[tool(unlisted)]
fn refund(cents: u64) -> u64 {
    cents
}

/// What time it is.
#[tool(unlisted)]
fn now() -> u64 {
    0
}

fn user(text: &str) -> Arc<Message> {
    Arc::new(Message::User {
        text: text.to_owned(),
    })
}

fn offered(descriptors: &[&'static countersign::Descriptor]) -> Vec<Offered> {
    let offered = descriptors
        .iter()
        .map(|it| Offered::of(Arc::new(Rendered::new(*it))));
    offered.collect()
}

/// A question in parts.
struct Question {
    instructions: &'static str,
    messages: Vec<Arc<Message>>,
    tools: Vec<Offered>,
    max_tokens: Option<u32>,
}

impl Question {
    fn request(&self) -> Request<'_> {
        Request {
            instructions: self.instructions,
            messages: &self.messages,
            tools: &self.tools,
            max_tokens: self.max_tokens,
        }
    }
}

/// The second question of a conversation: a call was made and its result is known.
fn second() -> Question {
    let said = Assistant {
        text: String::new(),
        calls: vec![ToolCall {
            id: "call_1".into(),
            name: "refund".into(),
            arguments: r#"{"cents":5}"#.into(),
        }],
        opaque: Some(json!({"signature": "c2ln"})),
    };
    Question {
        instructions: "You help.",
        messages: vec![
            user("Refund ACME."),
            Arc::new(Message::Assistant(said)),
            Arc::new(Message::Tool(ToolResult {
                id: "call_1".into(),
                name: "refund".into(),
                content: "5".into(),
            })),
        ],
        tools: offered(&[refund::descriptor(), now::descriptor()]),
        max_tokens: Some(99),
    }
}

/// Both questions of that conversation, recorded.
async fn recorded(path: &Path) {
    let usage = Usage {
        input_tokens: 7,
        output_tokens: 3,
    };
    let model = ScriptedModel::new([
        Step::call("refund", json!({"cents": 5})).with_opaque(json!({"signature": "c2ln"})),
        Step::error(ModelError::transient("overloaded")),
        Step::say("It is done.").costing(usage),
    ]);
    let recording = RecordingModel::open(model, path).unwrap();
    let mut first = second();
    first.messages.truncate(1);
    recording.chat(first.request(), Deltas::nobody()).await.unwrap();
    // An error is no answer.
    assert!(
        recording
            .chat(second().request(), Deltas::nobody())
            .await
            .is_err()
    );
    recording
        .chat(second().request(), Deltas::nobody())
        .await
        .unwrap();
}

#[tokio::test]
async fn a_conversation_is_given_again_word_for_word() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("refund.jsonl");
    recorded(&path).await;
    let model = ReplayModel::open(&path).unwrap();
    assert_eq!((model.name(), model.lines.len()), ("replayed", 2));

    let mut question = second();
    question.messages.truncate(1);
    let reply = model.chat(question.request(), Deltas::nobody()).await.unwrap();
    assert_eq!(reply.said.opaque, Some(json!({"signature": "c2ln"})));
    question.messages.push(Arc::new(Message::Assistant(reply.said)));
    question.messages.push(Arc::clone(&second().messages[2]));
    let mut heard = Vec::new();
    let mut listen = |words: &str| heard.push(words.to_owned());
    let reply = model
        .chat(question.request(), Deltas::to(&mut listen))
        .await
        .unwrap();
    assert_eq!(
        (reply.said.text.as_str(), reply.usage.total()),
        ("It is done.", 10)
    );
    assert_eq!(heard, ["It ", "is ", "done."]);
}

#[tokio::test]
async fn the_last_answer_to_a_question_counts() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("twice.jsonl");
    for words in ["First.", "Second."] {
        let recording = RecordingModel::open(ScriptedModel::new([Step::say(words)]), &path).unwrap();
        recording
            .chat(Request::default(), Deltas::nobody())
            .await
            .unwrap();
    }
    let model = ReplayModel::open(&path).unwrap();
    let reply = model.chat(Request::default(), Deltas::nobody()).await.unwrap();
    assert_eq!(reply.said.text, "Second.");
}

/// What makes another question of one.
type Change = fn(&mut Question);

#[tokio::test]
async fn a_question_that_nobody_recorded_is_told_what_differs() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("refund.jsonl");
    recorded(&path).await;
    let model = ReplayModel::open(&path).unwrap();
    let changes: [(Change, &str); 9] = [
        (
            |it| it.instructions = "Be brief.",
            "in line 2, is another: the instructions differ",
        ),
        (
            |it| it.max_tokens = None,
            "in line 2, is another: the limit on tokens differs",
        ),
        (
            |it| it.messages[0] = user("Refund BETA."),
            r#"message 1 was {"role":"user","text":"Refund ACME."} and is {"role":"user","text":"Refund BETA."}"#,
        ),
        (
            |it| it.messages.push(user("Well?")),
            "in line 2, is another: it has 3 messages, this one 4",
        ),
        (
            |it| it.tools = offered(&[refund::descriptor()]),
            "the tool `now` is not offered any more",
        ),
        (
            |it| {
                let mut changed = refund::descriptor().clone();
                changed.input_schema = now::descriptor().input_schema.clone();
                it.tools[0] = Offered::of(Arc::new(Rendered::new(Arc::new(changed))));
            },
            "the arguments of the tool `refund` differ",
        ),
        (|it| it.tools.reverse(), "the tools are in another order"),
        (
            |it| drop(it.messages.drain(2..)),
            "in line 2, is another: it has 3 messages, this one 2",
        ),
        (
            |it| {
                it.tools
                    .extend(offered(&[crate::UserFeedbackTools::descriptor()]));
            },
            "the tool `ask_user` was not offered",
        ),
    ];
    for (change, expect) in changes {
        let mut question = second();
        change(&mut question);
        let error = model
            .chat(question.request(), Deltas::nobody())
            .await
            .unwrap_err();
        assert!(error.to_string().contains(expect), "{expect}: {error}");
        assert!(!error.is_transient());
    }
}

#[test]
fn a_line_of_another_format_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("other.jsonl");
    let good = concat!(
        r#"{"v":1,"request":{"instructions":"","messages":[],"tools":[],"max_tokens":null},"#,
        r#""said":{"text":"Hi."},"usage":{"input_tokens":0,"output_tokens":0}}"#
    );
    for (bad, expect) in [
        (r#"{"v":2,"what":"ever"}"#, "line 2 of the recording"),
        (
            r#"{"v":2,"what":"ever"}"#,
            "it is of version 2, and this is version 1",
        ),
        ("", "EOF"),
        (
            &good.replace("\"said\"", "\"more\":1,\"said\""),
            "unknown field `more`",
        ),
    ] {
        std::fs::write(&path, format!("{good}\n{bad}\n")).unwrap();
        let error = ReplayModel::open(&path).unwrap_err().to_string();
        assert!(error.contains(expect), "{error}");
    }
    // This line stays readable for ever.
    std::fs::write(&path, good).unwrap();
    assert_eq!(ReplayModel::open(&path).unwrap().lines[0].1.said.text, "Hi.");
}
