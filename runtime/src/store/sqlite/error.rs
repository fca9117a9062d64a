//! Puts what SQLite says into words that help: what happened, where, what to do.

use rusqlite::{Error, ErrorCode, ffi};

use crate::store::StoreError;

/// What a failed statement on the store at `place` means for whoever asked.
pub(super) fn failure(place: &str, error: &Error) -> StoreError {
    if is_damage(error) {
        return StoreError::Damaged(format!("{place}: {error}"));
    }
    let advice = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "another process has kept it locked for a minute; end that process or try again"
        }
        Some(ErrorCode::DiskFull) => "the disk is full; free some space and try again",
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            "it cannot be written; check the owner and the permissions of the file and its directory"
        }
        Some(ErrorCode::CannotOpen) => "it cannot be opened; check that file and directory are still there",
        Some(ErrorCode::SystemIoFailure) => {
            "the disk reported an error; check the disk, then open the store again"
        }
        Some(ErrorCode::TooBig) => "a value is larger than SQLite can keep; shorten it",
        _ => "nothing was written",
    };
    StoreError::Failed(format!("{place}: {error}; {advice}"))
}

/// Whether the bytes in the file are not what we or SQLite wrote.
pub(super) fn is_damage(error: &Error) -> bool {
    match error {
        Error::SqliteFailure(cause, _) => {
            matches!(cause.code, ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
                || cause.extended_code == ffi::SQLITE_IOERR_SHORT_READ
        }
        // STRICT tables hold what we wrote. A value of another type or shape was put there by somebody else.
        Error::FromSqlConversionFailure(..)
        | Error::IntegralValueOutOfRange(..)
        | Error::InvalidColumnType(..)
        | Error::Utf8Error(..)
        // Our statements fit our tables; these are other ones.
        | Error::SqlInputError { .. } => true,
        _ => false,
    }
}

/// Whether the disk itself failed, so that nobody knows what is on it.
pub(super) fn is_disk_failure(error: &Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::SystemIoFailure)
}

/// Whether somebody else holds the lock.
pub(super) fn is_busy(error: &Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
    )
}
