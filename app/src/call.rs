//! `call`: proposes a call and brings it as far as it goes.

use countersign::core::actor::Kind;
use countersign::{Called, Code, Error, Outcome, Tier};

use crate::cli::CallArgs;
use crate::failure::Failure;
use crate::input;
use crate::local;
use crate::reply::Reply;
use crate::session::Session;

/// Proposes a call.
pub(crate) async fn propose(session: &Session, args: CallArgs) -> Result<Reply, Failure> {
    let arguments = input::json_text("args", &args.args)?;
    let engine = &session.engine;
    if args.by.is_some()
        && let Some(refused) = local::refused(session).await?
    {
        return Ok(refused);
    }
    let identity = args.by.as_ref().map(|it| session.identity(it));
    if identity.is_none() && engine.tier(&args.tool).is_some_and(|it| it != Tier::Ungated) {
        return Err(Failure::usage(format!(
            "say on whose behalf `{}` is called: --as ACTOR",
            args.tool
        )));
    }
    let unknown = match &identity {
        Some(identity) if engine.actor(identity).await?.kind == Kind::Unknown => {
            let message = format!("nobody knows an actor `{}`", identity.id());
            Some(Reply::not_accepted(Code::NotAllowed, message))
        }
        Some(_) | None => None,
    };
    // A gated call is opened all the same: that somebody unknown tried is on record, and it is blocked.
    if let (Some(refused), Some(Tier::Ungated | Tier::Audited)) = (&unknown, engine.tier(&args.tool)) {
        return Ok(refused.clone());
    }
    let mut builder = engine.call(&args.tool, arguments);
    if let Some(identity) = &identity {
        builder = builder.by(identity);
    }
    if let Some(run) = args.run {
        builder = builder.run(run);
    }
    if let Some(session) = &args.session {
        builder = builder.session(session);
    }
    let called = match builder.await {
        Ok(called) => called,
        Err(Error::Arguments(errors)) => {
            return Ok(Reply::not_accepted(
                Code::InvalidInput,
                format!("the arguments do not fit: {errors}"),
            ));
        }
        Err(error) => return Err(error.into()),
    };
    match (called, unknown) {
        (Called::Done(Outcome::Blocked { .. }), Some(refused)) => Ok(refused),
        (Called::Done(outcome), _) => Ok(Reply::closed(None, &outcome)),
        (Called::Waiting(waiting), _) if args.no_run => session.reply(waiting.call(), None).await,
        (Called::Waiting(waiting), _) => {
            let advanced = session.settle(waiting.call_id()).await?;
            session.reply(&advanced.call, advanced.refused.as_ref()).await
        }
    }
}
