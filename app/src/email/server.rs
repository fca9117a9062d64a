//! The server that takes mails, as its URL says.
//!
//! TLS is demanded of every server but one on this machine, unless the URL says `tls=none`. There is no "if possible":
//! whoever stands between could always make it impossible.

use std::net::IpAddr;
use std::time::Duration;

use lettre::Address;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::ClientId;
use percent_encoding::percent_decode_str;
use reqwest::Url;

use crate::outbox::Fault;

/// How long one answer of the server may take.
const ANSWER: Duration = Duration::from_secs(10);
/// How long saying goodbye may take: the mail is taken already.
const GOODBYE: Duration = Duration::from_secs(1);

/// How the connection is secured.
pub(super) enum Security {
    /// By nothing.
    None,
    /// It is TLS from the first byte.
    Wrapper(TlsParameters),
    /// It becomes TLS before anything is said.
    StartTls(TlsParameters),
}

/// A server.
pub(super) struct Server {
    host: String,
    port: u16,
    pub(super) security: Security,
    credentials: Option<Credentials>,
    hello: ClientId,
}

impl Server {
    /// Reads its URL; `domain` is whose mails it takes.
    ///
    /// # Errors
    ///
    /// What is wrong with it, without showing it: there is a password in it.
    pub(super) fn read(url: &str, domain: &str) -> Result<Self, String> {
        let url: Url = url.parse().map_err(|error| format!("it is no URL: {error}"))?;
        let host = url.host_str().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() {
            return Err("it names no host".to_owned());
        }
        if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
            return Err("it has more than a host, a port and `?tls=`".to_owned());
        }
        let mut word = None;
        for (name, value) in url.query_pairs() {
            if name != "tls" || word.is_some() {
                return Err(
                    "it may ask for `tls=required` or `tls=none`, once, and for nothing else".to_owned(),
                );
            }
            word = Some(value.into_owned());
        }
        let tls =
            || TlsParameters::new(host.clone()).map_err(|error| format!("TLS cannot be set up: {error}"));
        let (security, port) = match (url.scheme(), word.as_deref()) {
            ("smtps", None | Some("required")) => (Security::Wrapper(tls()?), 465),
            ("smtp", Some("none")) => (Security::None, 25),
            ("smtp", None) if is_here(&host) => (Security::None, 25),
            ("smtp", None | Some("required")) => (Security::StartTls(tls()?), 587),
            ("smtp" | "smtps", Some(_)) => {
                return Err("`tls` is `required`, or `none` with `smtp://`".to_owned());
            }
            _ => return Err("it begins with neither `smtps://` nor `smtp://`".to_owned()),
        };
        Ok(Self {
            port: url.port().unwrap_or(port),
            credentials: credentials(&url)?,
            hello: ClientId::Domain(domain.to_owned()),
            security,
            host,
        })
    }

    /// Hands over a mail to one person.
    ///
    /// # Errors
    ///
    /// [`Fault::Down`] where the server takes nothing of ours, [`Fault::Later`] where it does not take this one, and
    /// [`Fault::Never`] only where it says for good that it does not know that person.
    pub(super) async fn send(&self, from: Address, to: Address, mail: &[u8]) -> Result<(), Fault> {
        let mut connection = self.connect().await.map_err(Fault::down)?;
        let sent = self.talk(&mut connection, from, to, mail).await;
        let _ = tokio::time::timeout(GOODBYE, connection.abort()).await;
        sent
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, Error> {
        let tls = match &self.security {
            Security::Wrapper(tls) => Some(tls.clone()),
            Security::None | Security::StartTls(_) => None,
        };
        let place = (self.host.as_str(), self.port);
        AsyncSmtpConnection::connect_tokio1(place, Some(ANSWER), &self.hello, tls, None).await
    }

    async fn talk(
        &self,
        connection: &mut AsyncSmtpConnection,
        from: Address,
        to: Address,
        mail: &[u8],
    ) -> Result<(), Fault> {
        if let Security::StartTls(tls) = &self.security {
            if !connection.can_starttls() {
                return Err(Fault::down("the server offers no TLS; `?tls=none` does without"));
            }
            let secured = connection.starttls(tls.clone(), &self.hello).await;
            secured.map_err(Fault::down)?;
        }
        if let Some(credentials) = &self.credentials {
            let known = connection.auth(DEFAULT_MECHANISMS, credentials).await;
            known.map_err(Fault::down)?;
        }
        let begun = connection.command(Mail::new(Some(from), Vec::new())).await;
        begun.map_err(Fault::down)?;
        let known = connection.command(Rcpt::new(to, Vec::new())).await;
        known.map_err(|error| {
            if error.is_permanent() {
                Fault::never(error)
            } else {
                of_one(error)
            }
        })?;
        connection.command(Data).await.map_err(of_one)?;
        connection.message(mail).await.map_err(of_one)?;
        Ok(())
    }
}

/// What an answer to one mail means for others: nothing. Without an answer, none gets through.
fn of_one(error: Error) -> Fault {
    if error.is_transient() || error.is_permanent() {
        Fault::later(error)
    } else {
        Fault::down(error)
    }
}

/// Whether a host is this machine, by its text.
fn is_here(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|it: IpAddr| it.is_loopback())
}

fn credentials(url: &Url) -> Result<Option<Credentials>, String> {
    let plain = |text: &str| {
        let plain = percent_decode_str(text).decode_utf8();
        plain
            .map(String::from)
            .map_err(|_| "its user name or password is no UTF-8".to_owned())
    };
    match (url.username(), url.password()) {
        ("", None) => Ok(None),
        (user, Some(password)) => Ok(Some(Credentials::new(plain(user)?, plain(password)?))),
        (_, None) => Err("it has a user name and no password".to_owned()),
    }
}
