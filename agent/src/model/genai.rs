//! Real models, over HTTP: `OpenAI`, Anthropic, Gemini, Ollama, and whatever speaks like `OpenAI`.
//!
//! The wire formats are those of the crate `genai`. None of its types leaves this module: messages and replies
//! are ours, and so is what is stored.
//!
//! An answer is always streamed, also where nobody listens: one way to read it, and a connection that breaks
//! is noticed. An answer that broke off is an error, never half a reply.

mod environment;
mod failure;
mod speech;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use countersign::schema::Dialect;
use futures_core::Stream;
use genai::adapter::AdapterKind;
use genai::chat::{ChatOptions, ChatStreamEvent, StreamEnd};
use genai::resolver::{AuthData, Endpoint};
use genai::{Client, ModelIden, ServiceTarget};
use rustls_platform_verifier::BuilderVerifierExt;

use super::{Deltas, ModelError, ModelProvider, Reply, Request, Usage};
pub use environment::from_env;

/// How long a provider may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(10);

/// How long it may say nothing at all, before its first word or between two. Models that think long do not
/// always send a sign of life.
const SILENCE: Duration = Duration::from_mins(5);

/// A model of a provider, over HTTP.
///
/// TLS is rustls with ring; roots are those of the system. Redirects are not followed, so a key goes nowhere
/// but to the given address. A model on this machine is never asked through a proxy.
///
/// Argument text that is no JSON is handed on as the model wrote it, and so is JSON within a JSON string. Of
/// arguments that are JSON, the spelling is not kept: of a key that stands twice, the last one counts, before
/// anybody is asked.
///
/// ```
/// use countersign_agent::ModelProvider;
/// use countersign_agent::model::GenAi;
///
/// let model = GenAi::compatible("http://127.0.0.1:8080/v1", "qwen3", None)?;
/// assert_eq!(model.name(), "qwen3");
/// // The key is nowhere to be read.
/// assert!(!format!("{:?}", GenAi::anthropic("claude-sonnet-4-5", "sk-secret")?).contains("secret"));
/// # Ok::<(), countersign_agent::ModelError>(())
/// ```
pub struct GenAi {
    client: Client,
    target: ServiceTarget,
    spoken: Spoken,
    key: String,
    name: String,
}

/// What a provider speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spoken {
    OpenAi,
    Anthropic,
    Gemini,
}

impl Spoken {
    const fn adapter(self) -> AdapterKind {
        match self {
            Self::OpenAi => AdapterKind::OpenAI,
            Self::Anthropic => AdapterKind::Anthropic,
            Self::Gemini => AdapterKind::Gemini,
        }
    }

    /// In whose alphabet the names of tools are spelled.
    const fn names(self) -> Dialect {
        match self {
            Self::OpenAi => Dialect::OpenAi,
            Self::Anthropic => Dialect::Anthropic,
            Self::Gemini => Dialect::Gemini,
        }
    }

    /// In whose words arguments are described. `genai` uses the field of Gemini that takes all of JSON Schema.
    const fn schemas(self) -> Dialect {
        match self {
            Self::OpenAi => Dialect::OpenAi,
            Self::Anthropic => Dialect::Anthropic,
            Self::Gemini => Dialect::JsonSchema,
        }
    }

    /// Names that the crate or the provider takes for a tool of its own. Such a tool would run at the
    /// provider, past every gate, so it is not offered at all.
    const fn taken(self) -> &'static [&'static str] {
        match self {
            Self::OpenAi => &[],
            Self::Anthropic => &["web_search"],
            Self::Gemini => &[
                "googleSearch",
                "googleSearchRetrieval",
                "googleMaps",
                "codeExecution",
                "urlContext",
                "computerUse",
                "fileSearch",
            ],
        }
    }
}

impl GenAi {
    /// A model of `OpenAI`, by its Chat Completions.
    pub fn openai(model: &str, key: &str) -> Result<Self, ModelError> {
        Self::new(Spoken::OpenAi, "https://api.openai.com/v1", model, key)
    }

    /// A model of Anthropic.
    pub fn anthropic(model: &str, key: &str) -> Result<Self, ModelError> {
        Self::new(Spoken::Anthropic, "https://api.anthropic.com/v1", model, key)
    }

    /// A model of Google.
    pub fn gemini(model: &str, key: &str) -> Result<Self, ModelError> {
        let base = "https://generativelanguage.googleapis.com/v1beta";
        Self::new(Spoken::Gemini, base, model, key)
    }

    /// A model that Ollama runs, by the address of its server: `http://127.0.0.1:11434`, or
    /// `127.0.0.1:11434` as Ollama itself has it.
    pub fn ollama(host: &str, model: &str) -> Result<Self, ModelError> {
        let host = host.trim_end_matches('/');
        let scheme = if host.contains("://") { "" } else { "http://" };
        Self::compatible(&format!("{scheme}{host}/v1"), model, None)
    }

    /// A model of anybody who speaks like `OpenAI`, by the address that `/chat/completions` is added to.
    pub fn compatible(base_url: &str, model: &str, key: Option<&str>) -> Result<Self, ModelError> {
        // Servers without keys take any.
        Self::new(Spoken::OpenAi, base_url, model, key.unwrap_or("none"))
    }

    /// The same model behind another address: a gateway, or a server of one's own.
    pub fn at(self, base_url: &str) -> Result<Self, ModelError> {
        Self::new(self.spoken, base_url, &self.name, &self.key)
    }

    fn new(spoken: Spoken, base_url: &str, model: &str, key: &str) -> Result<Self, ModelError> {
        // `genai` appends to what ends in a slash.
        let base = format!("{}/", base_url.trim_end_matches('/'));
        let client = Client::builder().with_reqwest(http(&base)?);
        let client = client.build().map_err(|error| {
            ModelError::new(format!("the client of `{model}` could not be made: {error}"))
        })?;
        Ok(Self {
            client,
            target: ServiceTarget {
                endpoint: Endpoint::from_owned(base),
                auth: AuthData::from_single(key),
                model: ModelIden::new(spoken.adapter(), model.to_owned()),
            },
            spoken,
            key: key.to_owned(),
            name: model.to_owned(),
        })
    }

    async fn answer(&self, request: Request<'_>, deltas: &mut Deltas<'_>) -> Result<Reply, ModelError> {
        let asked = speech::request(self.spoken, request)?;
        let mut options = ChatOptions::default()
            .with_capture_usage(true)
            .with_capture_content(true)
            .with_capture_reasoning_content(true)
            .with_capture_tool_calls(true)
            .with_stream_header_timeout(SILENCE)
            .with_stream_read_timeout(SILENCE);
        options.max_tokens = request.max_tokens;
        let target = self.target.clone();
        let asked = self.client.exec_chat_stream(target, asked, Some(&options));
        let mut stream = asked.await.map_err(|error| failure::of(&error))?.stream;
        loop {
            let event =
                std::future::poll_fn(|context| std::pin::Pin::new(&mut stream).poll_next(context)).await;
            match event {
                Some(Ok(ChatStreamEvent::Chunk(chunk))) => deltas.push(&chunk.content),
                // A provider that stops in the middle may end properly all the same; it then has no reason.
                Some(Ok(ChatStreamEvent::End(end)))
                    if self.spoken == Spoken::Gemini && end.captured_stop_reason.is_none() =>
                {
                    return Err(failure::broken_off());
                }
                Some(Ok(ChatStreamEvent::End(end))) => return Ok(self.reply(end)),
                Some(Ok(_)) => (),
                Some(Err(error)) => return Err(failure::of(&error)),
                None => return Err(failure::broken_off()),
            }
        }
    }

    fn reply(&self, end: StreamEnd) -> Reply {
        let tokens = |count: Option<i32>| count.and_then(|it| u64::try_from(it).ok()).unwrap_or_default();
        let usage = end.captured_usage.as_ref();
        Reply {
            usage: Usage {
                input_tokens: tokens(usage.and_then(|it| it.prompt_tokens)),
                output_tokens: tokens(usage.and_then(|it| it.completion_tokens)),
            },
            said: speech::said(self.spoken, end),
        }
    }
}

#[async_trait]
impl ModelProvider for GenAi {
    fn name(&self) -> &str {
        &self.name
    }

    async fn chat(&self, request: Request<'_>, mut deltas: Deltas<'_>) -> Result<Reply, ModelError> {
        let answer = self.answer(request, &mut deltas).await;
        answer.map_err(|error| failure::told(&self.name, &self.key, &error))
    }
}

impl fmt::Debug for GenAi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GenAi")
            .field("model", &self.name)
            .field("base_url", &self.target.endpoint.base_url())
            .finish_non_exhaustive()
    }
}

/// The client, with TLS of our choice: left to itself, `genai` would link aws-lc.
fn http(base_url: &str) -> Result<reqwest::Client, ModelError> {
    let url: reqwest::Url = base_url
        .parse()
        .map_err(|error| ModelError::new(format!("`{base_url}` is no address of a model: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(ModelError::new(format!(
            "`{base_url}` is no address of a model: it starts with neither `http://` nor `https://`"
        )));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let tls = tls.and_then(|it| match url.scheme() {
        "https" => it.with_platform_verifier(),
        // A machine without certificates can still ask a model on itself.
        _ => Ok(it.with_root_certificates(rustls::RootCertStore::empty())),
    });
    let tls = tls
        .map_err(|error| {
            ModelError::new(format!(
                "TLS could not be set up: {error}; install the system's CA certificates, or set SSL_CERT_FILE"
            ))
        })?
        .with_no_client_auth();
    let mut client = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT);
    if url.host_str().is_some_and(is_here) {
        client = client.no_proxy();
    }
    client
        .build()
        .map_err(|error| ModelError::new(format!("the HTTP client could not be made: {error}")))
}

fn is_here(host: &str) -> bool {
    let address = host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|it| it.is_loopback())
}
