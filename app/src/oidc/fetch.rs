//! How the provider is asked: over TLS, in bounded time, with a bounded answer, and nowhere but where it was said.

use std::time::Duration;

use reqwest::{Method, RequestBuilder, Url};

use crate::outside::{self, Outside, Reach, is_here, reason};

/// How long one answer may take, from connecting to its last byte.
const PATIENCE: Duration = Duration::from_secs(5);
/// The most bytes of an answer. Key sets of large providers have some ten thousand.
const MOST: usize = 256 * 1024;

/// A place that may be asked: HTTPS, or this machine, without a query in it.
pub(super) fn place(text: &str) -> Result<Url, String> {
    let url = endpoint(text)?;
    if url.query().is_some() {
        return Err(format!("`{text}` has a query in it"));
    }
    Ok(url)
}

/// The same, which may have a query (RFC 6749, section 3.1); without a name, a password or a fragment.
pub(super) fn endpoint(text: &str) -> Result<Url, String> {
    let url: Url = text
        .parse()
        .map_err(|error| format!("`{text}` is no address: {error}"))?;
    let secure =
        url.scheme() == "https" || (url.scheme() == "http" && is_here(url.host_str().unwrap_or_default()));
    if !secure {
        return Err(format!(
            "`{text}` does not begin with https://, which only a provider on this machine may do without"
        ));
    }
    let plain = url.username().is_empty() && url.password().is_none();
    if !plain || url.fragment().is_some() {
        return Err(format!("`{text}` has more in it than a host and a path"));
    }
    Ok(url)
}

/// Asks the places of a provider. Whoever configures it may keep one in their own network.
pub(super) struct Fetch(Outside);

impl Fetch {
    pub(super) fn new() -> Result<Self, String> {
        Outside::new(Reach::Anywhere).map(Self)
    }

    /// Sends a form: the status and the body of the answer.
    pub(super) async fn post(
        &self,
        to: &Url,
        form: String,
        authorization: Option<String>,
    ) -> Result<(u16, Vec<u8>), String> {
        let mut request = self
            .0
            .request(Method::POST, to)?
            .header("content-type", "application/x-www-form-urlencoded")
            .header("accept", "application/json")
            .body(form);
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        answer(request).await.map_err(|why| format!("{to}: {why}"))
    }

    /// What is there to get.
    pub(super) async fn get(&self, from: &Url) -> Result<Vec<u8>, String> {
        match answer(self.0.request(Method::GET, from)?).await {
            Ok((200, body)) => Ok(body),
            Ok((status, _)) => Err(format!("{from} answers {status}")),
            Err(why) => Err(format!("{from}: {why}")),
        }
    }
}

/// Sends a request: the status and the body of what is answered.
async fn answer(request: RequestBuilder) -> Result<(u16, Vec<u8>), String> {
    let failed = |error: reqwest::Error| reason(&error);
    let answer = request.timeout(PATIENCE).send().await.map_err(failed)?;
    let status = answer.status().as_u16();
    let body = outside::body(answer, MOST).await.map_err(failed)?;
    let body = body.ok_or_else(|| format!("its answer has more than {MOST} bytes"))?;
    Ok((status, body))
}
