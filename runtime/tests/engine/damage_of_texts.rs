//! Texts of calls that cannot be read, are missing, or are another call's.

use countersign::Call;
use rusqlite::Connection;

use crate::damage::{RECORDS, check, column, edit_texts, set_terms};
use crate::damage_beside_the_seal::Change;

#[tokio::test]
async fn unreadable_states() {
    let cases: [(&str, &str, &str); 6] = [
        ("not JSON", "\u{0}\u{1}garbage", "the stored call is damaged"),
        ("empty", "", "the stored call is damaged"),
        ("another shape", r#"{"v":1}"#, "the stored call is damaged"),
        ("no object", "[1,2,3]", "the stored call is damaged"),
        ("deep", &"[".repeat(100_000), "the stored call is damaged"),
        (
            "newer",
            r#"{"v":2,"new":true}"#,
            "has format 2, this program reads up to 1; use a newer release",
        ),
    ];
    for (what, text, because) in cases {
        check(
            what,
            "cleared",
            |db, bad, _| column(db, *bad.id(), "state", text),
            because,
        )
        .await;
        // The state says in which format the terms are.
        let terms = |db: &Connection, bad: &Call, _: &Call| set_terms(db, &bad.id().to_string(), text);
        check(what, "cleared", terms, "the stored call is damaged").await;
    }
    let gone = |db: &Connection, bad: &Call, _: &Call| {
        let sql = "DELETE FROM call_terms WHERE place = (SELECT place FROM call WHERE id = ?1)";
        assert_eq!(db.execute(sql, [bad.id().to_string()]).unwrap(), 1);
    };
    check("no terms", "cleared", gone, "the store is damaged").await;
    let edits: [(&str, Change, &str); 4] = [
        (
            "a newer version",
            |it| it["v"] = 2.into(),
            "has format 2, this program reads up to 1; use a newer release",
        ),
        (
            "an unknown field",
            |it| it["now"]["more"] = true.into(),
            "damaged",
        ),
        (
            "an unknown field beside the call",
            |it| it["more"] = true.into(),
            "damaged",
        ),
        (
            "a lease of what does not execute",
            |it| it["until"] = "2000-01-01T00:00:00.000Z".into(),
            "a call has the end of a lease, `until`, while it executes",
        ),
    ];
    for (what, change, because) in edits {
        let edited =
            |db: &Connection, bad: &Call, _: &Call| edit_texts(db, *bad.id(), |_, state| change(state));
        check(what, "cleared", edited, because).await;
    }
}

#[tokio::test]
async fn texts_of_two_calls_swapped() {
    let texts = |db: &Connection, call: &Call| -> (String, String) {
        let sql = "SELECT text, state FROM call JOIN call_terms USING (place) WHERE id = ?1";
        let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
        db.query_row(sql, [call.id().to_string()], read).unwrap()
    };
    let swap = |terms: bool, state: bool| {
        move |db: &Connection, bad: &Call, other: &Call| {
            let (first, second) = (texts(db, bad), texts(db, other));
            for (call, (stays, now)) in [(bad, second), (other, first)] {
                if terms {
                    set_terms(db, &call.id().to_string(), &stays);
                }
                if state {
                    column(db, *call.id(), "state", &now);
                }
            }
        }
    };
    let another = "the stored text is another call's";
    check("both", "cleared", swap(true, true), another).await;
    check("their terms", "cleared", swap(true, false), another).await;
    check("their states", "cleared", swap(false, true), RECORDS).await;
}
