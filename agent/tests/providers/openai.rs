//! Chat Completions: `data:` lines that end with `[DONE]`, calls in pieces told apart by `index`.

use serde_json::{Value, json};

use super::server::{Answer, Server};
use super::*;

/// These chunks as a stream of events.
fn stream(chunks: &[Value]) -> String {
    let done = ["data: [DONE]\n\n".to_owned()];
    let lines: Vec<String> = chunks
        .iter()
        .map(|it| format!("data: {it}\n\n"))
        .chain(done)
        .collect();
    lines.concat()
}

fn delta(delta: &Value, finish: Option<&str>) -> Value {
    json!({"id": "x", "object": "chat.completion.chunk", "choices": [
        {"index": 0, "delta": delta, "finish_reason": finish},
    ]})
}

fn piece(index: u32, id: Option<&str>, name: Option<&str>, arguments: &str) -> Value {
    let mut piece = json!({"index": index, "function": {"arguments": arguments}});
    if let Some(id) = id {
        piece["id"] = json!(id);
        piece["type"] = json!("function");
    }
    if let Some(name) = name {
        piece["function"]["name"] = json!(name);
    }
    delta(&json!({"tool_calls": [piece]}), None)
}

fn spoken() -> String {
    stream(&[
        delta(&json!({"role": "assistant", "content": ""}), None),
        delta(&json!({"content": "Grüße, "}), None),
        delta(&json!({"content": "日本 🎉"}), None),
        piece(0, Some("c1"), Some("billing-dot-refund"), ""),
        piece(1, Some("c2"), Some("now"), ""),
        piece(0, None, None, r#"{"customer":"A"#),
        piece(1, None, None, "{not "),
        piece(0, None, None, r#"CME","cents":5}"#),
        piece(1, None, None, "json"),
        piece(2, Some("c1"), Some("now"), ""),
        delta(&json!({}), Some("tool_calls")),
        json!({"choices": [], "usage": {"prompt_tokens": 70, "completion_tokens": 9, "total_tokens": 79}}),
    ])
}

#[tokio::test]
async fn calls_are_put_together_wherever_the_stream_is_torn() {
    for every in [1, 2, 3, 7, 64, 4096] {
        let server = Server::answering([Answer::torn(&spoken(), every)]).await;
        let model = GenAi::compatible(&server.url("/v1"), "m", Some("sk-0123456789")).unwrap();
        let (heard, reply) = ask(&model, &[user("Refund ACME.")]).await;
        let reply = reply.unwrap();
        assert_eq!(heard, ["Grüße, ", "日本 🎉"], "every {every}");
        assert_eq!(reply.said.text, "Grüße, 日本 🎉");
        // Malformed text is handed on as it is, no text at all is no arguments, a repeated id stays.
        assert_eq!(
            reply.said.calls,
            [
                call("c1", "billing.refund", r#"{"customer":"ACME","cents":5}"#),
                call("c2", "now", "{not json"),
                call("c1", "now", "{}"),
            ]
        );
        assert_eq!((reply.usage.input_tokens, reply.usage.output_tokens), (70, 9));
        assert_eq!(reply.said.opaque, None);
    }
}

#[tokio::test]
async fn the_model_is_told_everything() {
    let server = Server::answering([Answer::torn(&spoken(), 50)]).await;
    let model = GenAi::compatible(&server.url("/v1/"), "m", Some("sk-0123456789")).unwrap();
    let first = Assistant {
        text: String::new(),
        calls: vec![call("c1", "billing.refund", "{not json"), call("c2", "now", "{}")],
        opaque: None,
    };
    ask(&model, &conversation(first)).await.1.unwrap();

    let asked = server.asked().remove(0);
    assert!(
        asked.head.starts_with("POST /v1/chat/completions "),
        "{}",
        asked.head
    );
    assert!(asked.head.contains("Bearer sk-0123456789"));
    let body = asked.body;
    assert_eq!((&body["model"], &body["max_tokens"]), (&json!("m"), &json!(99)));
    let messages = body["messages"].as_array().unwrap();
    let roles: Vec<&str> = messages.iter().map(|it| it["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["system", "user", "assistant", "tool", "tool", "user"]);
    assert_eq!(
        messages[2]["tool_calls"][0]["function"]["name"],
        "billing-dot-refund"
    );
    let written = messages[2]["tool_calls"][0]["function"]["arguments"]
        .as_str()
        .unwrap();
    assert!(written.contains("{not json"), "{written}");
    assert_eq!(messages[4]["tool_call_id"], "c2");
    let refund = &body["tools"][0]["function"];
    assert_eq!(refund["name"], "billing-dot-refund");
    assert_eq!(refund["description"], "Refund a customer.");
    assert_eq!(
        refund["parameters"]["properties"]["customer"]["description"],
        "Whose."
    );
    assert_eq!(body["tools"][1]["function"]["parameters"]["type"], "object");
}

#[tokio::test]
async fn thoughts_spoken_aloud_are_given_back_while_tools_are_used() {
    let thinking = stream(&[
        delta(&json!({"reasoning_content": "They want "}), None),
        delta(&json!({"reasoning_content": "the time."}), None),
        piece(0, Some("c1"), Some("now"), "{}"),
        delta(&json!({}), Some("tool_calls")),
    ]);
    let server = Server::answering([Answer::torn(&thinking, 20), Answer::torn(&spoken(), 99)]).await;
    let model = GenAi::compatible(&server.url("/v1"), "m", None).unwrap();
    let (heard, reply) = ask(&model, &[user("What time is it?")]).await;
    let said = reply.unwrap().said;
    assert!(heard.is_empty() && said.text.is_empty());
    ask(&model, &conversation(said)).await.1.unwrap();
    let body = server.asked().remove(1).body;
    assert_eq!(body["messages"][2]["reasoning_content"], "They want the time.");
}
