//! `audit`: the log listed, verified, signed, proved, exported; its words erased and held.
//!
//! `verify` opens no store and starts no engine: it must work where those refuse to. Its exit code says what
//! it found: 0 ok, 1 tampered, 2 incomplete. Whatever could not be found out or done is 3, never "ok".

mod verify;

use std::path::Path;

use countersign::ledger::{self, Kept, LedgerError, SigningKey, SqliteLog};
use countersign::store::{Sqlite, Store as _};
use countersign::{Refusal, TenantId};
use serde_json::{Value, json};

use crate::cli::{Audit, EraseArgs, HoldArgs};
use crate::failure::Failure;
use crate::reply::Reply;
use crate::session::Session;
use crate::{STORE, lists, text};

pub(crate) use verify::verify;

/// The key that signs, in the data directory.
const KEY: &str = "countersign.key";

/// The signing key of a data directory. Made where there is none, unless there was one before.
pub(crate) async fn signing_key(store: &Sqlite, data: &Path) -> Result<SigningKey, Failure> {
    let path = data.join(KEY);
    if !path.exists() && store.last_checkpoint(&TenantId::default()).await?.is_some() {
        return Err(LedgerError::Key {
            place: path.display().to_string(),
            why: "is missing, and the log has checkpoints that were signed with it; restore it from a backup"
                .to_owned(),
        }
        .into());
    }
    Ok(SigningKey::open_or_create(&path)?)
}

/// Does what was said about the log.
pub(crate) async fn answer(session: &Session, args: Audit) -> Result<Reply, Failure> {
    match args {
        Audit::Log(args) => lists::audit_log(session, args).await,
        Audit::Verify(args) => verify(&session.data, &args),
        Audit::Checkpoint { out } => checkpoint(session, out.as_deref()).await,
        Audit::Prove { seq, out } => prove(session, seq, out.as_deref()).await,
        Audit::Export { dir } => export(session, &dir).await,
        Audit::Erase(args) => erase(session, args).await,
        Audit::Hold(args) => hold(session, args).await,
    }
}

fn source(session: &Session) -> Result<SqliteLog, Failure> {
    Ok(SqliteLog::open(
        session.data.join(STORE),
        session.engine.tenant(),
    )?)
}

/// Signs, so that everything in the log is under a checkpoint.
async fn signed(session: &Session) -> Result<countersign::core::audit::note::Note, Failure> {
    let note = session.engine.checkpoint().await?;
    note.ok_or_else(|| Failure::new("the log is empty: there is nothing to sign"))
}

/// Signs the log as it is now: how many entries, the note, and the key that verifies it.
pub(crate) async fn sign(session: &Session) -> Result<(u64, String, String), Failure> {
    let note = signed(session).await?.to_string();
    let key = session
        .engine
        .verifier_key()
        .ok_or(LedgerError::NoKey)?
        .to_string();
    let size = note.lines().nth(1).and_then(|it| it.parse().ok());
    let size = size.ok_or_else(|| Failure::new("the signed checkpoint has no size"))?;
    Ok((size, note, key))
}

/// A receipt of one entry, under a checkpoint of now, and the key that verifies it.
pub(crate) async fn receipt(session: &Session, seq: u64) -> Result<(String, String), Failure> {
    signed(session).await?;
    let key = session.engine.verifier_key().ok_or(LedgerError::NoKey)?;
    let name = key.to_string();
    let mut source = source(session)?;
    // It reads every leaf of the log.
    let proved = tokio::task::spawn_blocking(move || ledger::prove(&mut source, seq, &key)).await;
    let receipt = proved.map_err(|error| Failure::new(format!("the receipt was not made: {error}")))??;
    Ok((receipt.to_string(), name))
}

/// A receipt of one entry, under the last checkpoint that there is: signs nothing.
#[cfg(feature = "http")]
pub(crate) fn proved(session: &Session, seq: u64) -> Result<String, Failure> {
    let key = session.engine.verifier_key().ok_or(LedgerError::NoKey)?;
    Ok(ledger::prove(&mut source(session)?, seq, &key)?.to_string())
}

async fn checkpoint(session: &Session, out: Option<&Path>) -> Result<Reply, Failure> {
    let (size, note, key) = sign(session).await?;
    let told = written(out, &note, "the checkpoint")?;
    Ok(Reply::done(
        json!({"status": "done", "size": size, "checkpoint": note, "key": key}),
        told,
    ))
}

async fn prove(session: &Session, seq: u64, out: Option<&Path>) -> Result<Reply, Failure> {
    let (receipt, key) = receipt(session, seq).await?;
    let told = written(out, &receipt, "the receipt")?;
    Ok(Reply::done(
        json!({"status": "done", "seq": seq, "receipt": receipt, "key": key}),
        told,
    ))
}

/// The text itself, or that it was written.
fn written(out: Option<&Path>, content: &str, what: &str) -> Result<String, Failure> {
    let Some(path) = out else {
        return Ok(content.to_owned());
    };
    std::fs::write(path, content)
        .map_err(|error| Failure::new(format!("cannot write {}: {error}", path.display())))?;
    Ok(format!(
        "Wrote {what} to {}.\n",
        text::shown(&path.display().to_string())
    ))
}

async fn export(session: &Session, dir: &Path) -> Result<Reply, Failure> {
    signed(session).await?;
    let key = session.engine.verifier_key().ok_or(LedgerError::NoKey)?;
    let exported = ledger::export(&mut source(session)?, dir, &key)?;
    let told = format!(
        "Exported {} entries and {} checkpoints to {}.\nPublic key: {key}\n",
        exported.entries,
        exported.checkpoints,
        text::shown(&dir.display().to_string())
    );
    Ok(Reply::done(
        json!({
            "status": "done", "entries": exported.entries, "checkpoints": exported.checkpoints,
            "key": key.to_string(),
        }),
        told,
    ))
}

async fn erase(session: &Session, args: EraseArgs) -> Result<Reply, Failure> {
    let by = session.identity(&args.by);
    Ok(match session.engine.erase(args.call, &by, &args.basis).await? {
        Kept::Done(erased) => Reply::done(
            json!({"status": "done", "call": args.call, "erased": erased.blobs}),
            format!(
                "Erased {} pieces of words of {}. Backups still have them.\n",
                erased.blobs, args.call
            ),
        ),
        Kept::Refused(refusal) => refused(&refusal),
    })
}

async fn hold(session: &Session, args: HoldArgs) -> Result<Reply, Failure> {
    let engine = &session.engine;
    let (Some(by), Some(basis)) = (args.by, args.basis) else {
        return holds(session).await;
    };
    if args.call.is_none() && !args.all {
        return Err(Failure::usage("name a call, or say --all for the whole log"));
    }
    let by = session.identity(&by);
    let kept = if args.lift {
        engine.lift(args.call, &by, &basis).await?
    } else {
        engine.hold(args.call, &by, &basis).await?
    };
    let what = args
        .call
        .map_or_else(|| "the whole log".to_owned(), |it| it.to_string());
    Ok(match kept {
        Kept::Done(()) => Reply::done(
            json!({"status": "done", "call": args.call, "held": !args.lift}),
            if args.lift {
                format!("No hold on {what} any more.\n")
            } else {
                format!("Nothing of {what} can be erased now.\n")
            },
        ),
        Kept::Refused(refusal) => refused(&refusal),
    })
}

async fn holds(session: &Session) -> Result<Reply, Failure> {
    let engine = &session.engine;
    let held = engine.store().holds(engine.tenant()).await?;
    let items: Vec<Value> = held.iter().map(|it| json!({"call": it})).collect();
    let told = held.iter().map(|it| match it {
        Some(call) => format!("{call}\n"),
        None => "the whole log\n".to_owned(),
    });
    let told: String = told.collect();
    let told = if told.is_empty() {
        "Nothing is held.\n".to_owned()
    } else {
        told
    };
    Ok(Reply::done(json!({"items": items, "next": null}), told))
}

fn refused(refusal: &Refusal) -> Reply {
    Reply::refused(refusal)
}
