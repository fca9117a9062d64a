//! What goes wrong at a provider: in which words it is told, and whether asking again may help.

use super::server::{Answer, Server};
use super::*;

const HALF: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"Half a \"}}]}\n\n";
const DONE: &str =
    "data: {\"choices\":[{\"delta\":{\"content\":\"Hi.\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";

/// What is told of one answer.
async fn told(answer: Answer) -> (String, bool) {
    let server = Server::answering([answer]).await;
    let model = GenAi::compatible(&server.url("/v1"), "m", Some("sk-0123456789")).unwrap();
    let error = ask(&model, &[user("Hello.")]).await.1.unwrap_err();
    (error.to_string(), error.is_transient())
}

#[track_caller]
fn check((told, transient): (String, bool), expect: &str, expect_transient: bool) {
    assert!(told.starts_with("`m`: ") && told.contains(expect), "{told}");
    assert_eq!(transient, expect_transient, "{told}");
}

#[tokio::test]
async fn statuses_say_whether_asking_again_may_help() {
    let body = r#"{"error":{"message":"as it is","type":"some"}}"#;
    for (status, transient) in [
        (400, false),
        (401, false),
        (404, false),
        (408, true),
        (409, true),
        (413, false),
        (429, true),
        (500, true),
        (503, true),
        (529, true),
    ] {
        let expect = format!("the provider answered {status}: as it is");
        check(told(Answer::error(status, body)).await, &expect, transient);
    }
    // Not JSON, and nothing at all.
    let page = told(Answer::error(502, "<html>Bad gateway</html>")).await;
    check(page, "the provider answered 502: <html>Bad gateway</html>", true);
    check(
        told(Answer::error(500, "")).await,
        "the provider answered 500",
        true,
    );
}

#[tokio::test]
async fn a_model_that_was_too_busy_answers_the_next_time() {
    let busy = Answer::error(429, r#"{"error":{"message":"slow down"}}"#);
    let server = Server::answering([busy, Answer::torn(DONE, 9)]).await;
    let model = GenAi::compatible(&server.url("/v1"), "m", None).unwrap();
    let error = ask(&model, &[user("Hello.")]).await.1.unwrap_err();
    assert!(error.is_transient(), "{error}");
    let reply = ask(&model, &[user("Hello.")]).await.1.unwrap();
    assert_eq!(reply.said.text, "Hi.");
}

#[tokio::test]
async fn half_an_answer_is_none() {
    for answer in [
        // The connection breaks; it ends well, but without an end of the answer; it ends within a line.
        Answer::chunks([HALF]).cut(),
        Answer::chunks([HALF]),
        Answer::chunks([HALF, "data: {\"choices\":[{\"del"]),
        Answer::chunks([HALF, "data: {\"choices\":[{\"del"]).cut(),
    ] {
        let server = Server::answering([answer]).await;
        let model = GenAi::compatible(&server.url("/v1"), "m", None).unwrap();
        let (heard, reply) = ask(&model, &[user("Hello.")]).await;
        let error = reply.unwrap_err();
        assert_eq!(heard, ["Half a "]);
        assert!(error.is_transient(), "{error}");
    }
}

#[tokio::test]
async fn an_error_in_the_middle_of_the_words_is_an_error() {
    for (error, transient) in [
        (
            r#"{"error":{"message":"no capacity","type":"server_error"}}"#,
            true,
        ),
        (r#"{"error":{"message":"no capacity","code":503}}"#, true),
        (r#"{"error":{"message":"no capacity","code":"429"}}"#, true),
        (
            r#"{"error":{"message":"no capacity","type":"invalid_request_error"}}"#,
            false,
        ),
    ] {
        let answer = Answer::chunks([HALF.to_owned(), format!("data: {error}\n\n")]);
        check(told(answer).await, "the provider stopped: no capacity", transient);
    }
    let overloaded = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n";
    let server = Server::answering([Answer::torn(overloaded, 10)]).await;
    let model = GenAi::anthropic("m", "sk-ant-0123")
        .unwrap()
        .at(&server.url("/v1"))
        .unwrap();
    let error = ask(&model, &[user("Hello.")]).await.1.unwrap_err();
    check(
        (error.to_string(), error.is_transient()),
        "the provider stopped: Overloaded",
        true,
    );
}

#[tokio::test]
async fn nonsense_is_not_understood() {
    let answer = Answer::chunks(["data: <html>\n\n"]);
    check(told(answer).await, "the answer could not be understood", false);
}

#[tokio::test]
async fn the_key_is_never_told() {
    let body = r#"{"error":{"message":"wrong key: sk-0123456789"}}"#;
    let (told, _) = told(Answer::error(401, body)).await;
    assert_eq!(told, "`m`: the provider answered 401: wrong key: [key]");
}

#[tokio::test]
async fn a_long_page_is_cut_short() {
    let (told, _) = told(Answer::error(500, &"ß".repeat(5000))).await;
    assert!(told.chars().count() < 500 && told.ends_with('…'), "{told}");
}

#[tokio::test]
async fn nobody_there_may_be_there_later() {
    // A port that nobody listens on any more.
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let model = GenAi::ollama(&address.to_string(), "llama").unwrap();
    let error = ask(&model, &[user("Hello.")]).await.1.unwrap_err();
    assert!(
        error.is_transient() && error.to_string().contains("refused"),
        "{error}"
    );
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    check(
        told(Answer::error(307, "")).await,
        "the provider answered 307",
        false,
    );
}

#[tokio::test]
async fn a_tool_that_the_provider_would_run_itself_is_not_offered() {
    let server = Server::answering([]).await;
    let offer = |it| vec![Offered::of(Arc::new(Rendered::new(it)))];
    for (model, tools) in [
        (GenAi::anthropic("m", "k"), offer(web_search::descriptor())),
        (GenAi::gemini("m", "k"), offer(code_execution::descriptor())),
    ] {
        let model = model.unwrap().at(&server.url("/v1")).unwrap();
        let messages = [user("Search.")];
        let request = Request {
            messages: &messages,
            tools: &tools,
            ..Request::default()
        };
        let error = model.chat(request, Deltas::nobody()).await.unwrap_err();
        let expect = format!("the tool `{}` cannot be offered", tools[0].name());
        assert!(
            error.to_string().contains(&expect) && !error.is_transient(),
            "{error}"
        );
    }
    assert!(server.asked().is_empty());
}
