//! `decide` and `cancel`: carry what somebody says to the desk.

use countersign::{Answer, CallId, Code, Decided, Decision, Remember, Verdict};
use serde_json::Value;

use crate::cli::{CancelArgs, DecideArgs, Verb, Which};
use crate::failure::Failure;
use crate::input;
use crate::local;
use crate::record;
use crate::reply::Reply;
use crate::requirement;
use crate::session::Session;

/// Decides a requirement; runs the call if that cleared it.
pub(crate) async fn decide(session: &Session, args: DecideArgs) -> Result<Reply, Failure> {
    let verdict = verdict(&args)?;
    let proposes = matches!(verdict, Verdict::Fill(_) | Verdict::Amend(_));
    let mut decision = Decision::new(args.requirement, verdict);
    if let Some(by) = &args.by {
        if let Some(refused) = local::refused(session).await? {
            return Ok(refused);
        }
        decision = decision.by(&session.identity(by));
    }
    if let Some(reason) = &args.reason {
        decision = decision.reason(reason);
    }
    if let Some(remember) = remember(&args)? {
        decision = decision.remember(remember);
    }
    let decided = if args.no_run {
        session.engine.desk().decide(decision).await?
    } else {
        session.engine.worker().decide(decision).await?
    };
    let call = match (decided.answer, decided.call) {
        (Answer::Refused(refusal), _) => return Ok(Reply::refused(&refusal)),
        (Answer::Accepted | Answer::Repeated, Some(call)) => call,
        (Answer::Accepted | Answer::Repeated, None) => {
            return Err(Failure::new("the decision was taken, but its call is gone"));
        }
    };
    let (call, refused) = if args.no_run {
        (call, None)
    } else {
        let advanced = session.settle(*call.id()).await?;
        (advanced.call, advanced.refused)
    };
    if proposes && requirement::find(&call, args.requirement).is_some() {
        // The values passed the schema but not the types of the function: the same is asked once more.
        let errors = record::last_errors(session, *call.id()).await?;
        return Ok(Reply::not_accepted(Code::InvalidInput, errors));
    }
    session.reply(&call, refused.as_ref()).await
}

/// Withdraws a call.
pub(crate) async fn cancel(session: &Session, call: CallId, args: CancelArgs) -> Result<Reply, Failure> {
    if let Some(refused) = local::refused(session).await? {
        return Ok(refused);
    }
    let by = session.identity(&args.by);
    let Decided { answer, call } = session.engine.desk().cancel(call, &by, args.reason).await?;
    match (answer, call) {
        (Answer::Refused(refusal), _) => Ok(Reply::refused(&refusal)),
        (Answer::Accepted | Answer::Repeated, Some(call)) => session.reply(&call, None).await,
        (Answer::Accepted | Answer::Repeated, None) => Err(Failure::new("the call is gone")),
    }
}

/// What is to be remembered of a confirmation.
fn remember(args: &DecideArgs) -> Result<Option<Remember>, Failure> {
    let which = match args.remember {
        None => return Ok(None),
        Some(_) if args.verb != Verb::Confirm => {
            return Err(Failure::usage("only a confirmation can be remembered"));
        }
        Some(Which::Exact) => Remember::exact(),
        Some(Which::Any) => Remember::any(),
    };
    Ok(Some(Remember {
        span: args.scope,
        uses: args.uses,
        ..which
    }))
}

fn verdict(args: &DecideArgs) -> Result<Verdict, Failure> {
    for (option, given, verbs) in [
        ("arguments", args.arguments.is_some(), &[Verb::Amend][..]),
        ("values", args.values.is_some(), &[Verb::Fill]),
        (
            "result",
            args.result.is_some(),
            &[Verb::Answer, Verb::Report, Verb::Done],
        ),
        ("failed", args.failed.is_some(), &[Verb::Report]),
        ("token", args.token.is_some(), &[Verb::Report]),
    ] {
        if given && !verbs.contains(&args.verb) {
            return Err(Failure::usage(format!(
                "--{option} means nothing for this decision"
            )));
        }
    }
    let read = |option: &str, given: &Option<String>| -> Result<Value, Failure> {
        match given {
            Some(given) => input::json(option, given),
            None => Err(Failure::usage(format!("this decision needs --{option}"))),
        }
    };
    Ok(match args.verb {
        Verb::Confirm => Verdict::Confirm,
        Verb::Amend => Verdict::Amend(read("arguments", &args.arguments)?),
        Verb::Answer => Verdict::Answer(read("result", &args.result)?),
        Verb::Reject => Verdict::Reject,
        Verb::Fill => Verdict::Fill(read("values", &args.values)?),
        Verb::Approve => Verdict::Approve,
        Verb::Report => {
            let report = match (&args.failed, &args.result) {
                (Some(error), _) => Err(error.clone()),
                (None, Some(_)) => Ok(read("result", &args.result)?),
                (None, None) => return Err(Failure::usage("a report needs --result or --failed")),
            };
            match &args.token {
                Some(token) => {
                    Verdict::ReportWithToken(report, input::text("token", token)?.trim().to_owned())
                }
                None => Verdict::Report(report),
            }
        }
        Verb::Reask => Verdict::Reask,
        Verb::Retry => Verdict::Retry,
        Verb::HandedOff => Verdict::HandedOff,
        Verb::Done => Verdict::Done(read("result", &args.result)?),
        Verb::Abandon => Verdict::Abandon,
    })
}
