//! Requests to elsewhere: which addresses are asked, and how.
//!
//! What a newcomer would get wrong: to look at the address that a name has, and then to let the client look it up
//! again. Between the two it may have become another one. Here the client connects to the addresses that were looked
//! at, and to no others: redirects are not followed, and proxies of the environment are not used.

mod address;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Method, RequestBuilder, Response, Url, header};
use rustls_platform_verifier::BuilderVerifierExt;

use address::is_public;

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(5);
/// How long a whole request may take.
const WHOLE: Duration = Duration::from_secs(15);

/// Which addresses may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Those of the public internet, over TLS.
    Public,
    /// Also private, local and special ones, and in the clear.
    Anywhere,
}

/// A client that goes no further than it may.
#[derive(Debug, Clone)]
pub(crate) struct Outside {
    client: reqwest::Client,
    reach: Reach,
}

impl Outside {
    /// A client with TLS of our choice (rustls with ring) and the roots of the system.
    ///
    /// # Errors
    ///
    /// If TLS cannot be set up.
    pub(crate) fn new(reach: Reach) -> Result<Self, String> {
        Self::with(reach, Arc::new(System))
    }

    fn with(reach: Reach, names: Arc<dyn Names>) -> Result<Self, String> {
        let failed = |error: &dyn std::fmt::Display| format!("the HTTP client could not be made: {error}");
        let tls = || {
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()
        };
        let tls = match tls().and_then(BuilderVerifierExt::with_platform_verifier) {
            Ok(tls) => tls,
            Err(error) => {
                // It can still speak to itself in the clear; nobody else is believed.
                tracing::warn!(%error, "this machine has no certificates to believe: install ca-certificates");
                tls()
                    .map_err(|error| failed(&error))?
                    .with_root_certificates(rustls::RootCertStore::empty())
            }
        };
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls.with_no_client_auth())
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .dns_resolver(Looked { names, reach })
            .connect_timeout(CONNECT)
            .timeout(WHOLE)
            .user_agent(concat!("countersign/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| failed(&error))?;
        Ok(Self { client, reach })
    }

    /// A request to there.
    ///
    /// # Errors
    ///
    /// Why it may not be asked. A name is looked up, and judged, when the request is sent.
    pub(crate) fn request(&self, method: Method, url: &Url) -> Result<RequestBuilder, String> {
        self.may_ask(url)?;
        Ok(self.client.request(method, url.clone()))
    }

    /// Whether this may be asked, as far as its text says.
    pub(crate) fn may_ask(&self, url: &Url) -> Result<(), String> {
        let host = url.host_str().unwrap_or_default();
        match (url.scheme(), self.reach) {
            ("https", _) | ("http", Reach::Anywhere) => {}
            ("http", Reach::Public) => return Err("it is not https".to_owned()),
            (other, _) => return Err(format!("`{other}` is neither https nor http")),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("it holds a user name or a password".to_owned());
        }
        // The client looks up no address that is written as one.
        let literal = host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .parse::<IpAddr>();
        match literal {
            Ok(address) => self.reach.admits(address),
            Err(_) => Ok(()),
        }
    }
}

/// How long whoever answers wishes to be left alone: `Retry-After` in seconds. One that names a date is not read.
pub(crate) fn retry_after(answer: &Response) -> Option<Duration> {
    let seconds = answer.headers().get(header::RETRY_AFTER)?.to_str().ok()?;
    seconds.trim().parse().ok().map(Duration::from_secs)
}

/// The body of an answer; none if it has more bytes than that.
pub(crate) async fn body(mut answer: Response, most: usize) -> Result<Option<Vec<u8>>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(part) = answer.chunk().await? {
        if body.len() + part.len() > most {
            return Ok(None);
        }
        body.extend_from_slice(&part);
    }
    Ok(Some(body))
}

/// Whether a host in an address is this machine, by its text.
pub(crate) fn is_here(host: &str) -> bool {
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|it| it.is_loopback())
}

impl Reach {
    fn admits(self, address: IpAddr) -> Result<(), String> {
        if self == Self::Anywhere || is_public(address) {
            Ok(())
        } else {
            Err(format!("{address} is not an address of the public internet"))
        }
    }
}

/// The whole chain of what went wrong: the client's own words end before the reason.
pub(crate) fn reason(error: &reqwest::Error) -> String {
    let mut words = if error.is_timeout() {
        "it took too long".to_owned()
    } else {
        "the request failed".to_owned()
    };
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        words = format!("{words}: {cause}");
        source = cause.source();
    }
    words
}

/// What a name stands for.
#[async_trait]
trait Names: Send + Sync {
    async fn look_up(&self, name: &str) -> std::io::Result<Vec<SocketAddr>>;
}

/// As the operating system says.
struct System;

#[async_trait]
impl Names for System {
    async fn look_up(&self, name: &str) -> std::io::Result<Vec<SocketAddr>> {
        Ok(tokio::net::lookup_host((name, 0)).await?.collect())
    }
}

/// Gives the client the addresses of a name, if all of them may be asked. One that may not spoils the others: nobody
/// who means well has such a name.
struct Looked {
    names: Arc<dyn Names>,
    reach: Reach,
}

impl Resolve for Looked {
    fn resolve(&self, name: Name) -> Resolving {
        let (names, reach) = (self.names.clone(), self.reach);
        Box::pin(async move {
            let found = names.look_up(name.as_str()).await?;
            for address in &found {
                reach.admits(address.ip())?;
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// Answers every request with these bytes, and counts the connections.
    async fn server(answer: String) -> (u16, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (port, count) = (
            listener.local_addr().unwrap().port(),
            Arc::new(AtomicUsize::new(0)),
        );
        let counted = count.clone();
        tokio::spawn(async move {
            while let Ok((mut connection, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                let mut bytes = [0; 4096];
                let _ = connection.read(&mut bytes).await;
                let _ = connection.write_all(answer.as_bytes()).await;
            }
        });
        (port, count)
    }

    const FINE: &str = "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";

    /// A name server whose answers change.
    struct Rebinding(Vec<&'static [&'static str]>, AtomicUsize);

    #[async_trait]
    impl Names for Rebinding {
        async fn look_up(&self, _: &str) -> std::io::Result<Vec<SocketAddr>> {
            let turn = self.1.fetch_add(1, Ordering::SeqCst);
            let found = self.0[turn.min(self.0.len() - 1)].iter();
            Ok(found.map(|it| SocketAddr::new(it.parse().unwrap(), 0)).collect())
        }
    }

    async fn asked(outside: &Outside, url: &str) -> Result<u16, String> {
        let request = outside.request(Method::POST, &url.parse().unwrap())?;
        let answer = request.send().await.map_err(|error| reason(&error))?;
        Ok(answer.status().as_u16())
    }

    #[tokio::test]
    async fn the_public_internet_has_no_address_of_this_machine() {
        let (port, count) = server(FINE.to_owned()).await;
        let outside = Outside::new(Reach::Public).unwrap();
        for host in [
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0177.0.0.1",
            "0.0.0.0",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[::127.0.0.1]",
            "[64:ff9b::7f00:1]",
            "[2002:7f00:1::]",
            "169.254.169.254",
            "[fe80::1]",
            "[fd00::1]",
            "10.0.0.1",
            "localhost",
        ] {
            let refused = asked(&outside, &format!("https://{host}:{port}/"))
                .await
                .unwrap_err();
            assert!(
                refused.contains("is not an address of the public internet"),
                "{host}: {refused}"
            );
        }
        assert_eq!(count.load(Ordering::SeqCst), 0);
        // Not because it could not: whoever says so reaches it.
        let anywhere = Outside::new(Reach::Anywhere).unwrap();
        assert_eq!(
            asked(&anywhere, &format!("http://localhost:{port}/")).await,
            Ok(204)
        );
        assert_eq!(count.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn other_schemes_and_passwords_are_refused() {
        let outside = Outside::new(Reach::Public).unwrap();
        for url in [
            "http://example.com/",
            "ftp://example.com/",
            "file:///etc/passwd",
            "https://a:b@example.com/",
        ] {
            assert!(asked(&outside, url).await.is_err(), "{url}");
        }
    }

    #[tokio::test]
    async fn a_name_that_is_bound_anew_is_judged_anew_and_one_bad_address_spoils_the_others() {
        let (port, count) = server(FINE.to_owned()).await;
        let answers: Vec<&[&str]> = vec![
            &["192.0.2.1", "127.0.0.1"],
            &["127.0.0.1"],
            &["93.184.216.34", "127.0.0.1"],
        ];
        let names = Arc::new(Rebinding(answers, AtomicUsize::new(0)));
        let outside = Outside::with(Reach::Public, names.clone()).unwrap();
        for _ in 0..3 {
            let refused = asked(&outside, &format!("https://rebound.example:{port}/"))
                .await
                .unwrap_err();
            assert!(
                refused.contains("is not an address of the public internet"),
                "{refused}"
            );
        }
        assert_eq!(
            (names.1.load(Ordering::SeqCst), count.load(Ordering::SeqCst)),
            (3, 0)
        );
        // The client connects to what was looked up here and never looks itself: no name server knows this name.
        let names = Arc::new(Rebinding(vec![&["127.0.0.1"]], AtomicUsize::new(0)));
        let anywhere = Outside::with(Reach::Anywhere, names.clone()).unwrap();
        assert_eq!(
            asked(&anywhere, &format!("http://rebound.example:{port}/")).await,
            Ok(204)
        );
        assert_eq!(
            (names.1.load(Ordering::SeqCst), count.load(Ordering::SeqCst)),
            (1, 1)
        );
    }

    #[tokio::test]
    async fn redirects_are_not_followed() {
        let (inner, count) = server(FINE.to_owned()).await;
        let answer = format!(
            "HTTP/1.1 307 Temporary Redirect\r\nlocation: http://127.0.0.1:{inner}/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        );
        let (port, _) = server(answer).await;
        let anywhere = Outside::new(Reach::Anywhere).unwrap();
        assert_eq!(
            asked(&anywhere, &format!("http://127.0.0.1:{port}/")).await,
            Ok(307)
        );
        assert_eq!(count.load(Ordering::SeqCst), 0);
    }
}
