//! `serve`: the HTTP API, the console and a worker in one process, until it is stopped.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use countersign::core::actor::Kind as ActorKind;
use countersign::store::{Commit, Durability, EdgeFilter, EdgeRow, EdgeWrite};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tower_http::catch_panic::CatchPanicLayer;

use crate::cli::ServeArgs;
use crate::config::Config;
use crate::credential::{Credentials, Kind, New};
use crate::failure::Failure;
use crate::http::problem::Problem;
use crate::outbox::{self, Outbox};
use crate::server::channels;
use crate::server::guard::guard;
use crate::server::listen::{answer, tls};
use crate::server::{BODY, Feed, LINK, Limits, Shared};
use crate::session::{Session, signalled};
use crate::slack::{self, Slack};
use crate::webhook::Reports;
use crate::{console, http, local, oidc, print};

/// How often what is over is forgotten: sessions, links, answers kept for repeats.
const SWEEP: Duration = Duration::from_mins(1);
/// How many are forgotten in one commit.
const PAGE: usize = 200;
/// The most sign-in links that are printed at the start.
const LINKS: usize = 12;

/// Everything that answers.
pub(crate) fn router(shared: Shared) -> Router {
    http::router()
        .merge(console::router())
        .merge(slack::router())
        .fallback(console::nowhere)
        .method_not_allowed_fallback(http::wrong_method)
        .layer(DefaultBodyLimit::max(BODY))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(shared.clone(), guard))
        .with_state(shared)
}

#[allow(clippy::needless_pass_by_value, reason = "the layer gives it away")]
fn panicked(panic: Box<dyn std::any::Any + Send>) -> axum::response::Response {
    let what = panic.downcast_ref::<&str>().map(|it| (*it).to_owned());
    let what = what.or_else(|| panic.downcast_ref::<String>().cloned());
    axum::response::IntoResponse::into_response(Problem::internal(
        &what.unwrap_or_else(|| "a panic".to_owned()),
    ))
}

/// Serves until SIGINT or SIGTERM, then finishes what was begun.
pub(crate) async fn serve(
    session: Session,
    args: &ServeArgs,
    works: bool,
    json: bool,
) -> Result<u8, Failure> {
    let place = args.place();
    place.is_safe()?;
    let tls = match &place.tls {
        Some((chain, key)) => Some(tls(chain, key)?),
        None => None,
    };
    let config = Config::find(args.config.as_deref(), &session.data)?;
    let listener = TcpListener::bind(place.listen).await.map_err(|error| {
        Failure::new(format!(
            "cannot listen on {}: {error}; name another place with --listen, port 0 takes a free one",
            place.listen
        ))
    })?;
    let at = listener
        .local_addr()
        .map_err(|error| Failure::new(error.to_string()))?;
    let base = args.base(at, config.public_url.as_deref());
    is_address(&base)?;
    let slack = Slack::configured(&session, &config, &base)?;
    let channels = channels::made(&session, &config, &base, slack.as_ref())?;
    channels::missing(&session, &channels).await?;
    let oidc = oidc::configured(&config, &base)?;
    if let Some(oidc) = &oidc {
        oidc.starts(&session.engine).await?;
    }
    let reports = Reports::new(&config)?;
    let signal = signalled()?;
    let (stop, stopping) = watch::channel(false);
    let limits = Limits::new(args.rate);
    let shared = Shared::new(session.clone(), limits, reports, slack, oidc, stopping.clone());

    let feed = tokio::spawn(Feed::run(shared.clone(), stopping.clone()));
    let sweeper = tokio::spawn(sweep(shared.clone(), stopping.clone()));
    let worker = works.then(|| {
        let (worker, stopping) = (session.engine.worker(), stopping.clone());
        tokio::spawn(async move { worker.run(stopping).await })
    });
    let outbox = (!channels.is_empty()).then(|| {
        let outbox = Outbox::new(session.engine.clone(), channels, config.notify, stopping.clone());
        tokio::spawn(Arc::new(outbox).run())
    });
    tell(&session, args, &base, json).await?;

    let router = router(shared.clone());
    let answering = answer(listener, tls, router, &shared, stopping);
    tokio::pin!(answering);
    tokio::select! {
        () = &mut answering => {}
        () = signal => {
            let _ = stop.send(true);
            answering.await;
        }
    }
    let _ = feed.await;
    let _ = sweeper.await;
    if let Some(outbox) = outbox {
        let _ = outbox.await;
    }
    if let Some(worker) = worker {
        worker
            .await
            .map_err(|error| Failure::new(format!("the worker ended: {error}")))??;
    }
    if json {
        print("{\"status\":\"stopped\"}\n")?;
    } else {
        print("Stopped. What was begun is finished.\n")?;
    }
    Ok(0)
}

/// Links begin with it: without a scheme or a host they lead nowhere.
fn is_address(base: &str) -> Result<(), Failure> {
    let read: Result<reqwest::Url, _> = base.parse();
    match read {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.host_str().is_some() => Ok(()),
        Ok(_) | Err(_) => Err(Failure::usage(format!(
            "`{base}` is no address that people can open; say it as `https://ops.example`"
        ))),
    }
}

/// Forgets what is over, now and then.
async fn sweep(shared: Shared, mut stopping: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(SWEEP) => {}
            _ = stopping.wait_for(|it| *it) => return,
        }
        shared.limits().sweep();
        for kind in [
            Kind::Session.name(),
            Kind::SignIn.name(),
            http::KEPT_ANSWERS,
            oidc::GONE,
            outbox::SENT,
            outbox::DEAD,
            slack::SEEN,
            slack::CARD,
        ] {
            if let Err(error) = forget(&shared, kind).await {
                tracing::warn!(%error, "what is over could not be forgotten");
            }
        }
    }
}

/// Forgets the edge rows of that kind whose time is over. Nothing is on record: they counted no more.
async fn forget(shared: &Shared, kind: &str) -> Result<(), countersign::Error> {
    let engine = shared.engine();
    let filter = EdgeFilter {
        due: Some(engine.now()),
        ..EdgeFilter::of(kind)
    };
    let mut after = None;
    loop {
        let rows = engine
            .store()
            .edges(engine.tenant(), &filter, after.as_deref(), PAGE)
            .await?;
        let full = rows.len() == PAGE;
        after = rows.last().map(|it| it.id.clone());
        let delete = |it: EdgeRow| EdgeWrite::Delete {
            kind: it.kind,
            id: it.id,
            version: it.version,
        };
        let commit = Commit {
            edges: rows.into_iter().map(delete).collect(),
            durability: Durability::Process,
            ..Commit::new(engine.tenant().clone(), engine.now())
        };
        // A conflict means that another process forgets them too; whatever it leaves is found the next time.
        engine.store().commit(commit).await?;
        if !full {
            return Ok(());
        }
    }
}

/// Says where it listens, and how somebody gets in.
async fn tell(session: &Session, args: &ServeArgs, base: &str, json: bool) -> Result<(), Failure> {
    let links = if args.prints_links() && local::refused(session).await?.is_none() {
        links(session, base).await?
    } else {
        Vec::new()
    };
    if json {
        let links: Vec<_> = links
            .iter()
            .map(|(actor, link)| json!({"actor": actor, "link": link}))
            .collect();
        return print(&format!(
            "{}\n",
            json!({"status": "serving", "url": base, "links": links})
        ));
    }
    let mut words = format!("Serving {}. Ctrl-C stops.\n\n  {base}\n", session.name);
    if links.is_empty() {
        let hint = session.command("sign-in ACTOR");
        let _ = writeln!(words, "\nA link to sign in somebody: {hint}");
    } else {
        words.push_str("\nSign in, with a link that counts once, in the next hour:\n");
        for (actor, link) in &links {
            let _ = writeln!(words, "  {actor:<10} {link}");
        }
        words.push_str("\nWhoever sees this can be any of them: make API keys and set local_decisions = false in the\npolicy before others do. More links: ");
        words.push_str(&session.command("sign-in ACTOR"));
        words.push('\n');
    }
    print(&words)
}

/// A link for each person, on the word of whoever started this.
async fn links(session: &Session, base: &str) -> Result<Vec<(String, String)>, Failure> {
    let people = session.people().await?;
    let people = people.all().filter(|(_, it)| it.kind == ActorKind::Person);
    let mut links = Vec::new();
    for (person, _) in people.take(LINKS) {
        links.push((person.to_string(), link(session, person, base).await?));
    }
    Ok(links)
}

/// A link that signs somebody in once.
pub(crate) async fn link(
    session: &Session,
    actor: &countersign::ActorId,
    base: &str,
) -> Result<String, Failure> {
    let new = New {
        kind: Kind::SignIn,
        actor: actor.clone(),
        roles: None,
        label: None,
        lasts: LINK,
    };
    let made = Credentials(&session.engine)
        .create(new, &session.identity(actor))
        .await?;
    let (_, secret) = made.map_err(|refusal| Failure::usage(refusal.message))?;
    Ok(format!("{base}/sign-in/{}", secret.reveal()))
}
