//! The format of the file: who owns it, which version it has, how it gets to the present one.
//!
//! A version is never edited once released; a change is a further migration.

use rusqlite::{Connection, TransactionBehavior};

/// Marks the file as ours; `CSgn` in ASCII. The `file` command and SQLite's own tools show it.
pub(super) const APPLICATION_ID: i64 = 0x4353_676e;

/// The steps from an empty database to the present format; step n leads to version n + 1.
const MIGRATIONS: [&str; 1] = [include_str!("schema.sql")];

/// The version that this program writes: how many migrations there are.
pub(super) const VERSION: i64 = 1;

/// Brings the database to [`VERSION`] in one transaction; nothing if it is there already.
///
/// Safe while other processes do the same: whoever gets the lock first does it, the others find it done.
pub(super) fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    if version(connection)? >= VERSION {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let done = usize::try_from(version(&transaction)?).unwrap_or(0);
    for step in MIGRATIONS.iter().skip(done) {
        transaction.execute_batch(step)?;
    }
    if done < MIGRATIONS.len() {
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", VERSION)?;
    }
    transaction.commit()
}

/// The version of the format that is stored; 0 if none.
pub(super) fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// The program that the file says it belongs to; 0 if it does not say.
pub(super) fn application_id(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "application_id", |row| row.get(0))
}

#[test]
fn every_version_has_its_migration() {
    assert_eq!(usize::try_from(VERSION), Ok(MIGRATIONS.len()));
}
