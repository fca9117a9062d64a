//! Messages: named events, blocks one after the other, usage at both ends.

use serde_json::{Value, json};

use super::server::{Answer, Server};
use super::*;

fn stream(events: &[Value]) -> String {
    let line = |it: &Value| format!("event: {}\ndata: {it}\n\n", it["type"].as_str().unwrap());
    events.iter().map(line).collect()
}

fn block(index: u32, block: &Value, deltas: &[Value]) -> Vec<Value> {
    let start = json!({"type": "content_block_start", "index": index, "content_block": block});
    let deltas = deltas
        .iter()
        .map(|it| json!({"type": "content_block_delta", "index": index, "delta": it}));
    let stop = json!({"type": "content_block_stop", "index": index});
    std::iter::once(start).chain(deltas).chain([stop]).collect()
}

fn input(text: &str) -> Value {
    json!({"type": "input_json_delta", "partial_json": text})
}

fn spoken() -> Vec<Value> {
    let usage = json!({"input_tokens": 40, "output_tokens": 1});
    let thinking = [
        json!({"type": "thinking_delta", "thinking": "Hm."}),
        json!({"type": "signature_delta", "signature": "c2ln"}),
    ];
    let refund = json!({"type": "tool_use", "id": "c1", "name": "billing-dot-refund", "input": {}});
    let now = json!({"type": "tool_use", "id": "c2", "name": "now", "input": {}});
    [
        vec![json!({"type": "message_start", "message": {"usage": usage}})],
        block(0, &json!({"type": "thinking", "thinking": "", "signature": ""}), &thinking),
        vec![json!({"type": "ping"})],
        block(
            1,
            &json!({"type": "text", "text": ""}),
            &[json!({"type": "text_delta", "text": "Grüße."})],
        ),
        block(2, &refund, &[input(r#"{"customer": "AC"#), input(r#"ME", "cents": "#)]),
        block(3, &now, &[input("")]),
        vec![
            json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 30}}),
            json!({"type": "message_stop"}),
        ],
    ]
    .concat()
}

#[tokio::test]
async fn words_calls_and_thoughts_are_put_together_wherever_the_stream_is_torn() {
    for every in [1, 5, 80, 4096] {
        let server = Server::answering([Answer::torn(&stream(&spoken()), every)]).await;
        let model = GenAi::anthropic("claude-sonnet-4-5", "sk-ant-0123").unwrap();
        let model = model.at(&server.url("/v1")).unwrap();
        let (heard, reply) = ask(&model, &[user("Refund ACME.")]).await;
        let reply = reply.unwrap();
        assert_eq!(
            (heard, reply.said.text.as_str()),
            (vec!["Grüße.".to_owned()], "Grüße.")
        );
        assert_eq!(
            reply.said.calls,
            [
                call("c1", "billing.refund", r#"{"customer": "ACME", "cents": "#),
                call("c2", "now", "{}"),
            ]
        );
        assert_eq!((reply.usage.input_tokens, reply.usage.output_tokens), (40, 30));
        // What is stored is ours, not the crate's.
        assert_eq!(
            reply.said.opaque.unwrap()["thoughts"],
            json!([{"signature": "c2ln"}, {"text": "Hm."}])
        );
    }
}

#[tokio::test]
async fn the_model_is_told_everything() {
    let spoken = stream(&spoken());
    let server = Server::answering([Answer::torn(&spoken, 50), Answer::torn(&spoken, 50)]).await;
    let model = GenAi::anthropic("claude-sonnet-4-5", "sk-ant-0123").unwrap();
    let model = model.at(&server.url("/v1")).unwrap();
    let first = ask(&model, &[user("Refund ACME.")]).await.1.unwrap().said;
    ask(&model, &conversation(first)).await.1.unwrap();

    let asked = server.asked().remove(1);
    assert!(asked.head.starts_with("POST /v1/messages "), "{}", asked.head);
    assert!(asked.head.contains("sk-ant-0123"));
    let body = asked.body;
    assert_eq!(body["max_tokens"], 99);
    assert!(body["system"].to_string().contains("You help."));
    let messages = body["messages"].as_array().unwrap();
    let roles: Vec<&str> = messages.iter().map(|it| it["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["user", "assistant", "user", "user"]);
    let said = &messages[1]["content"];
    assert_eq!(
        said[0],
        json!({"type": "thinking", "thinking": "Hm.", "signature": "c2ln"})
    );
    assert_eq!(said[1]["text"], "Grüße.");
    // Anthropic takes objects only: what was no JSON goes back inside of one.
    assert_eq!(
        said[2]["input"],
        json!({"unreadable": r#"{"customer": "ACME", "cents": "#})
    );
    assert_eq!(said[2]["name"], "billing-dot-refund");
    // All results of a turn in one message.
    let results = messages[2]["content"].as_array().unwrap();
    let ids: Vec<&Value> = results.iter().map(|it| &it["tool_use_id"]).collect();
    assert_eq!(ids, ["c1", "c2"]);
    assert_eq!(body["tools"][0]["name"], "billing-dot-refund");
    assert_eq!(
        body["tools"][0]["input_schema"]["required"],
        json!(["customer", "cents"])
    );
}

#[tokio::test]
async fn thoughts_of_another_provider_stay_at_home() {
    let server = Server::answering([Answer::torn(&stream(&spoken()), 50)]).await;
    let model = GenAi::anthropic("claude-sonnet-4-5", "sk-ant-0123").unwrap();
    let model = model.at(&server.url("/v1")).unwrap();
    let first = Assistant {
        text: "Hello.".to_owned(),
        calls: vec![call("c1", "now", "{}"), call("c2", "now", "{}")],
        opaque: Some(json!({"by": "gemini", "thoughts": [{"signature": "c2ln"}, {"text": "Hm."}]})),
    };
    ask(&model, &conversation(first)).await.1.unwrap();
    let body = server.asked().remove(0).body;
    let kinds: Vec<&Value> = body["messages"][1]["content"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["type"])
        .collect();
    assert_eq!(kinds, ["text", "tool_use", "tool_use"]);
}
