//! `audit verify`: a log in a database, an export, or a receipt.

use std::fmt::Write as _;
use std::path::Path;

use countersign::TenantId;
use countersign::core::audit::note::{Note, VerifierKey};
use countersign::core::audit::{Receipt, ReceiptError};
use countersign::ledger::{
    self, Export, LedgerError, LogSource, Report, Request, SigningKey, SqliteLog, State, Verdict, checked,
};
use serde_json::{Value, json};

use super::KEY;
use crate::cli::VerifyArgs;
use crate::failure::Failure;
use crate::reply::{DONE, Reply};
use crate::{STORE, text};

/// Something was changed, or cannot have happened.
const TAMPERED: u8 = 1;
/// Entries that were there are missing at the end.
const INCOMPLETE: u8 = 2;

/// Verifies what was named; the log in the data directory unless said.
pub(crate) fn verify(data: &Path, args: &VerifyArgs) -> Result<Reply, Failure> {
    let log = TenantId::default();
    if let Some(path) = &args.receipt {
        return receipt(path, key(data, args.key.as_deref(), &log)?);
    }
    let trusted = match &args.checkpoint {
        None => None,
        Some(path) => Some(
            file(path)?
                .parse::<Note>()
                .map_err(|error| Failure::new(format!("{}: {error}", path.display())))?,
        ),
    };
    let state = match &args.state {
        None => None,
        Some(path) => State::load(path)?,
    };
    let request = |key: Option<VerifierKey>| Request {
        log: log.clone(),
        key,
        trusted,
        state,
        ..Request::default()
    };
    let (report, its_own) = match &args.export {
        None => {
            let mut source = SqliteLog::open(data.join(STORE), &log)?;
            (
                found(&mut source, &request(key(data, args.key.as_deref(), &log)?))?,
                false,
            )
        }
        Some(dir) => {
            let mut export = Export::open(dir)?;
            let given = match args.key.as_deref() {
                Some(given) => Some(public(given)?),
                None => export.key().cloned(),
            };
            (found(&mut export, &request(given))?, args.key.is_none())
        }
    };
    if let (Some(path), Verdict::Ok) = (&args.state, report.verdict) {
        report.state.save(path)?;
    }
    Ok(told(&report, its_own))
}

fn found(source: &mut dyn LogSource, request: &Request) -> Result<Report, LedgerError> {
    ledger::verify(source, request)
}

fn file(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path)
        .map_err(|error| Failure::new(format!("cannot read {}: {error}", path.display())))
}

/// The public key that was named, or that of the data directory if it has one.
fn key(data: &Path, given: Option<&str>, log: &TenantId) -> Result<Option<VerifierKey>, Failure> {
    if let Some(given) = given {
        return public(given).map(Some);
    }
    let path = data.join(KEY);
    if !path.exists() {
        return Ok(None);
    }
    Ok(Some(SigningKey::open(&path)?.verifier(log)))
}

/// A key as text, or the file that has it.
fn public(given: &str) -> Result<VerifierKey, Failure> {
    if let Ok(key) = given.parse() {
        return Ok(key);
    }
    file(Path::new(given))?
        .parse()
        .map_err(|error| Failure::new(format!("--key: {error}")))
}

fn receipt(path: &Path, key: Option<VerifierKey>) -> Result<Reply, Failure> {
    let key = key.ok_or(LedgerError::NoKey)?;
    let checks = file(path)?
        .parse::<Receipt>()
        .and_then(|it| it.check().map(|_| it));
    let tampered = |what: String| Reply {
        json: json!({"status": "tampered", "findings": [{"seq": null, "exact": false, "what": what}]}),
        text: format!("TAMPERED: {}\n", text::shown(&what)),
        code: TAMPERED,
    };
    let receipt = match checks {
        Ok(receipt) => receipt,
        Err(error @ ReceiptError::Wrong(_)) => return Ok(tampered(error.to_string())),
        Err(error) => return Err(Failure::new(format!("{}: {error}", path.display()))),
    };
    let checkpoint = match checked(&receipt.checkpoint, &key) {
        Ok(checkpoint) => checkpoint,
        Err(error @ LedgerError::Forged(_)) => {
            return Ok(tampered(format!("the checkpoint of the receipt is {error}")));
        }
        Err(error) => return Err(error.into()),
    };
    let entry: Value = serde_json::from_str(&receipt.entry).unwrap_or_else(|_| receipt.entry.clone().into());
    let told = format!(
        "OK: this is entry {} of {} in the log {}:\n{}\n",
        receipt.index,
        checkpoint.size,
        text::shown(&checkpoint.origin),
        text::json(&entry)
    );
    Ok(Reply::done(
        json!({
            "status": "ok", "seq": receipt.index, "size": checkpoint.size, "log": checkpoint.origin,
            "entry": entry,
        }),
        told,
    ))
}

fn told(report: &Report, its_own: bool) -> Reply {
    let (status, code) = match report.verdict {
        Verdict::Ok => ("ok", DONE),
        Verdict::Tampered => ("tampered", TAMPERED),
        Verdict::Incomplete => ("incomplete", INCOMPLETE),
    };
    let findings = report
        .findings
        .iter()
        .map(|it| json!({"seq": it.seq, "exact": it.exact, "what": it.what}));
    Reply {
        json: json!({
            "status": status,
            "size": report.size,
            "root": report.root,
            "read": report.read,
            "checkpoints": report.checkpoints,
            "signed": report.signed,
            "open": report.open,
            "interrupted": report.interrupted,
            "first_bad": report.first_bad(),
            "findings": findings.collect::<Vec<_>>(),
            "missing": report.missing,
        }),
        text: words(report, its_own),
        code,
    }
}

fn words(report: &Report, its_own: bool) -> String {
    let mut told = String::new();
    match (report.verdict, report.findings.first()) {
        (Verdict::Tampered, Some(first)) => {
            let place = if first.exact { "entry" } else { "some entry from" };
            let _ = writeln!(told, "TAMPERED: the first bad one is {place} {}.", first.seq);
            for finding in &report.findings {
                told.push_str(&text::wrapped(&text::shown(&finding.what), "  ", "  "));
            }
        }
        (Verdict::Incomplete, _) | (Verdict::Tampered, None) => {
            told.push_str("INCOMPLETE\n");
        }
        (Verdict::Ok, _) => {
            let _ = writeln!(
                told,
                "OK: {} entries, {} of them read now, {} checkpoints.",
                report.size, report.read, report.checkpoints
            );
        }
    }
    if let Some(missing) = &report.missing {
        told.push_str(&text::wrapped(&text::shown(missing), "  ", "  "));
    }
    if report.verdict == Verdict::Ok {
        let rest = report.size.saturating_sub(report.signed);
        if rest > 0 {
            let _ = writeln!(told, "The last {rest} are signed by no checkpoint yet.");
        }
        if report.interrupted > 0 {
            let _ = writeln!(
                told,
                "{} executions were interrupted or are under way.",
                report.interrupted
            );
        }
        if its_own {
            told.push_str("Checked with the key that came with the export; name one you trust with --key.\n");
        }
    }
    told
}
