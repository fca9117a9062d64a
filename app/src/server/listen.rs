//! Connections: where the server may listen, with or without TLS, how many clients, how slow they may be, and how it
//! ends.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::failure::Failure;
use crate::server::Shared;

/// How long a client may take to send the head of a request, or to shake hands.
const HEAD: Duration = Duration::from_secs(10);
/// How long those that are connected may take to end when the server stops.
const GRACE: Duration = Duration::from_secs(10);
/// The most connections at once. Whoever comes next waits in the queue of the operating system.
pub(crate) const CONNECTIONS: usize = 8192;

/// Where and how to listen.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) listen: SocketAddr,
    /// The files of the certificate chain and of its key.
    pub(crate) tls: Option<(PathBuf, PathBuf)>,
    /// Whether a proxy in front speaks TLS with the world.
    pub(crate) behind_proxy: bool,
}

impl Place {
    /// Whether that is safe: keys and cookies never cross a network in the clear.
    pub(crate) fn is_safe(&self) -> Result<(), Failure> {
        let local = match self.listen.ip() {
            IpAddr::V4(ip) => ip.is_loopback(),
            IpAddr::V6(ip) => ip.is_loopback(),
        };
        if local || self.tls.is_some() || self.behind_proxy {
            return Ok(());
        }
        Err(Failure::usage(format!(
            "{} can be reached from other machines, and keys would cross the network in the clear; give --tls-cert \
             and --tls-key, or --behind-proxy if a proxy in front of it speaks TLS",
            self.listen
        )))
    }
}

/// A certificate chain and its key, for TLS 1.2 and 1.3.
pub(crate) fn tls(chain: &Path, key: &Path) -> Result<TlsAcceptor, Failure> {
    let cannot = |path: &Path, why: &dyn std::fmt::Display| {
        Failure::usage(format!("cannot use {}: {why}", path.display()))
    };
    let certificates: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(chain)
        .and_then(Iterator::collect)
        .map_err(|error| cannot(chain, &error))?;
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| cannot(key, &error))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| cannot(chain, &error))?
        .with_no_client_auth()
        .with_single_cert(certificates, secret)
        .map_err(|error| cannot(chain, &error))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Answers until `stopping` turns true, then lets those that are connected finish.
pub(crate) async fn answer(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    router: Router,
    shared: &Shared,
    mut stopping: watch::Receiver<bool>,
) {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let ending = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &room) => accepted,
            _ = stopping.wait_for(|it| *it) => break,
        };
        let (stream, permit) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, say: those that are connected go on.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let (router, tls, shared) = (router.clone(), tls.clone(), shared.clone());
        let watcher = ending.watcher();
        tokio::spawn(async move {
            let _permit = permit;
            shared.metrics().connections.inc();
            match tls {
                None => spoken(stream, router, watcher).await,
                Some(tls) => {
                    // A client that cannot shake hands in time has nothing to say.
                    if let Ok(Ok(stream)) = tokio::time::timeout(HEAD, tls.accept(stream)).await {
                        spoken(stream, router, watcher).await;
                    }
                }
            }
            shared.metrics().connections.dec();
        });
    }
    drop(listener);
    let _ = tokio::time::timeout(GRACE, ending.shutdown()).await;
}

async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let permit = room.clone().acquire_owned().await.map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    stream.set_nodelay(true)?;
    Ok((stream, permit))
}

async fn spoken<S>(stream: S, router: Router, watcher: hyper_util::server::graceful::Watcher)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(32 * 1024)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    // A client that goes away is no error of ours.
    let _ = watcher.watch(connection).await;
}
