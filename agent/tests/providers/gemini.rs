//! `streamGenerateContent`: whole parts, calls without ids, signatures that must come back.

use serde_json::{Value, json};

use super::server::{Answer, Server};
use super::*;

fn stream(chunks: &[Value]) -> String {
    let lines: Vec<String> = chunks.iter().map(|it| format!("data: {it}\r\n\r\n")).collect();
    lines.concat()
}

fn spoken() -> Vec<Value> {
    let refund = json!({"name": "billing.refund", "args": {"customer": "ACME", "cents": 5}});
    vec![
        json!({"candidates": [{"content": {"role": "model", "parts": [{"text": "Grüße."}]}}]}),
        json!({"candidates": [{"content": {"role": "model", "parts": [
            {"functionCall": refund, "thoughtSignature": "c2ln"},
            {"functionCall": {"name": "now", "args": {}}},
        ]}}]}),
        json!({
            "candidates": [{"content": {"role": "model", "parts": [{"text": ""}]}, "finishReason": "STOP"}],
            "usageMetadata": {"promptTokenCount": 12, "candidatesTokenCount": 4, "totalTokenCount": 16},
        }),
    ]
}

#[tokio::test]
async fn words_and_calls_are_put_together_and_signatures_come_back() {
    for every in [1, 9, 4096] {
        let streams = [stream(&spoken()), stream(&spoken())];
        let server = Server::answering(streams.map(|it| Answer::torn(&it, every))).await;
        let model = GenAi::gemini("gemini-3-flash", "key-0123456789").unwrap();
        let model = model.at(&server.url("/v1beta")).unwrap();
        let (heard, reply) = ask(&model, &[user("Refund ACME.")]).await;
        let reply = reply.unwrap();
        assert_eq!(heard, ["Grüße."]);
        let names: Vec<&str> = reply.said.calls.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names, ["billing.refund", "now"]);
        assert_eq!(reply.said.calls[0].arguments, r#"{"customer":"ACME","cents":5}"#);
        assert_ne!(reply.said.calls[0].id, reply.said.calls[1].id);
        assert_eq!((reply.usage.input_tokens, reply.usage.output_tokens), (12, 4));

        // The loop gives calls names of its own.
        let mut first = reply.said;
        for (call, id) in first.calls.iter_mut().zip(["c1", "c2"]) {
            call.id = id.to_owned();
        }
        ask(&model, &conversation(first)).await.1.unwrap();
        let asked = server.asked().remove(1);
        let path = "POST /v1beta/models/gemini-3-flash:streamGenerateContent?alt=sse ";
        assert!(asked.head.starts_with(path), "{}", asked.head);
        let contents = asked.body["contents"].as_array().unwrap();
        let said = contents[1]["parts"].as_array().unwrap();
        let signed = said
            .iter()
            .find(|it| it["functionCall"]["name"] == "billing.refund");
        assert_eq!(signed.unwrap()["thoughtSignature"], "c2ln");
        let results: Vec<&Value> = contents[2]["parts"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| &it["functionResponse"]["name"])
            .collect();
        assert_eq!(results, ["billing.refund", "now"]);
        let tools = &asked.body["tools"][0]["functionDeclarations"];
        assert_eq!(
            tools[0]["parametersJsonSchema"]["required"],
            json!(["customer", "cents"])
        );
        assert_eq!(tools[1]["parametersJsonSchema"], Value::Null);
    }
}

#[tokio::test]
async fn an_answer_without_an_end_broke_off() {
    let mut spoken = spoken();
    spoken.pop();
    let server = Server::answering([Answer::torn(&stream(&spoken), 50)]).await;
    let model = GenAi::gemini("gemini-3-flash", "key-0123456789").unwrap();
    let model = model.at(&server.url("/v1beta")).unwrap();
    let error = ask(&model, &[user("Refund ACME.")]).await.1.unwrap_err();
    assert_eq!(error.to_string(), "`gemini-3-flash`: the answer broke off");
    assert!(error.is_transient());
}
