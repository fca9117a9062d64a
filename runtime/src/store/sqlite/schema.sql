-- The tables of a store, format 1. Meant to be read by auditors in the sqlite3 shell.
--
-- Ids are text as they are shown everywhere else, so that a query can be typed from a log line; the
-- 16 bytes of a blob key would save a tenth of the file. Digests are blobs of 32
-- bytes: read them with lower(hex(leaf)). Times are milliseconds since 1970-01-01T00:00:00Z.
-- Tables whose rows are long (calls, entries) keep their rowid: in a WITHOUT ROWID tree a
-- row of more than about 1000 bytes spills to overflow pages, in a rowid tree one of more than 4000.

CREATE TABLE call (
    place     INTEGER NOT NULL PRIMARY KEY,
    tenant    TEXT NOT NULL,
    id        TEXT NOT NULL,
    run       TEXT NOT NULL,
    version   INTEGER NOT NULL,
    phase     TEXT NOT NULL,
    tool      TEXT NOT NULL,
    requester TEXT NOT NULL,
    due       INTEGER,
    waits_for TEXT NOT NULL,
    -- The places of its entries in audit_entry, with commas.
    entries   TEXT NOT NULL,
    state     TEXT NOT NULL,
    UNIQUE (tenant, id)
) STRICT;
-- What of a call stays while people decide, most of its text: apart, so that a decision writes a short row. By the
-- place of its call.
CREATE TABLE call_terms (
    place INTEGER NOT NULL PRIMARY KEY,
    text  TEXT NOT NULL
) STRICT;
CREATE INDEX call_by_run ON call (tenant, run, id);
CREATE INDEX call_by_requester ON call (tenant, requester, id);
CREATE INDEX call_by_tool ON call (tenant, tool, id);

-- Who is to look at which call next, from the columns waits_for and due of `call`: requester:alice,
-- pool:managers, worker, and `due` at its time (0 for all others). Only what is still open: it stays
-- small for the life of the product, and an inbox costs the same whatever lies in the others.
CREATE TABLE agenda (
    tenant TEXT NOT NULL,
    topic  TEXT NOT NULL,
    at     INTEGER NOT NULL,
    call   TEXT NOT NULL,
    PRIMARY KEY (tenant, topic, at, call)
) STRICT, WITHOUT ROWID;

-- Remembered confirmations. Elsewhere a grant; GRANT is a word of SQL. Those that are used up or revoked
-- stay, with live = 0.
CREATE TABLE confirmation_grant (
    tenant  TEXT NOT NULL,
    id      TEXT NOT NULL,
    version INTEGER NOT NULL,
    owner   TEXT NOT NULL,
    tool    TEXT NOT NULL,
    scope   TEXT NOT NULL,
    live    INTEGER NOT NULL,
    state   TEXT NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT;
CREATE INDEX confirmation_grant_live ON confirmation_grant (tenant, id) WHERE live = 1;
CREATE INDEX confirmation_grant_by_owner ON confirmation_grant (tenant, owner, id) WHERE live = 1;
CREATE INDEX confirmation_grant_by_scope ON confirmation_grant (tenant, owner, tool, scope, id) WHERE live = 1;

-- `at` is when an open run must be looked at again, 2^63 - 1 for one that nothing but people move on, and
-- NULL for one that is over. `alone` marks the run that its session goes on with.
CREATE TABLE run (
    tenant    TEXT NOT NULL,
    id        TEXT NOT NULL,
    version   INTEGER NOT NULL,
    requester TEXT NOT NULL,
    created   INTEGER NOT NULL,
    agent     TEXT,
    session   TEXT,
    status    TEXT NOT NULL,
    alone     INTEGER NOT NULL,
    at        INTEGER,
    state     TEXT NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX run_open ON run (tenant, at, id) WHERE at IS NOT NULL;
CREATE INDEX run_by_session ON run (tenant, session, id) WHERE session IS NOT NULL;
CREATE INDEX run_by_requester ON run (tenant, requester, id);
CREATE UNIQUE INDEX run_alone ON run (tenant, session) WHERE alone = 1;

-- What happened in the run of an agent, in order: its conversation is these events and nothing else.
CREATE TABLE run_event (
    tenant TEXT NOT NULL,
    run    TEXT NOT NULL,
    number INTEGER NOT NULL,
    text   TEXT NOT NULL,
    PRIMARY KEY (tenant, run, number)
) STRICT, WITHOUT ROWID;

-- What edges keep beside calls, such as API keys and sessions: what they mean is the edge's matter. `at` is
-- when a row expires or is to be looked at again.
CREATE TABLE edge (
    tenant  TEXT NOT NULL,
    kind    TEXT NOT NULL,
    id      TEXT NOT NULL,
    owner   TEXT,
    version INTEGER NOT NULL,
    at      INTEGER,
    state   TEXT NOT NULL,
    PRIMARY KEY (tenant, kind, id)
) STRICT;
CREATE INDEX edge_by_owner ON edge (tenant, kind, owner, id) WHERE owner IS NOT NULL;
CREATE INDEX edge_due ON edge (tenant, kind, at) WHERE at IS NOT NULL;

-- Named by its content, so it is the same for every tenant.
CREATE TABLE descriptor (
    digest BLOB NOT NULL PRIMARY KEY,
    text   TEXT NOT NULL
) STRICT;

-- Every commit looks at the revision. In a WITHOUT ROWID tree SQLite would read all of a long policy for that.
CREATE TABLE directory (
    tenant   TEXT NOT NULL PRIMARY KEY,
    revision INTEGER NOT NULL,
    policy   TEXT NOT NULL
) STRICT;
CREATE TABLE directory_actor (
    tenant TEXT NOT NULL,
    id     TEXT NOT NULL,
    text   TEXT NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

-- The audit log. log_id is the tenant. `place` is first + seq, with the `first` of its log_head: a second
-- tree only to find an entry by log_id and seq would be written with every decision.
CREATE TABLE audit_entry (
    place  INTEGER NOT NULL PRIMARY KEY,
    log_id TEXT NOT NULL,
    seq    INTEGER NOT NULL,
    leaf   BLOB NOT NULL,
    entry  TEXT NOT NULL,
    call   TEXT,
    -- Whether no row of `call` lists it: that of a tool that is only audited, or written beside its call.
    alone  INTEGER NOT NULL
) STRICT;
CREATE INDEX audit_entry_alone ON audit_entry (log_id, call, seq) WHERE alone;

-- `time` is that of the last entry. `first` leaves each log 2^40 places.
CREATE TABLE log_head (
    log_id   TEXT NOT NULL PRIMARY KEY,
    first    INTEGER NOT NULL UNIQUE CHECK (first % 1099511627776 = 0),
    size     INTEGER NOT NULL CHECK (size < 1099511627776),
    frontier BLOB NOT NULL,
    time     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE audit_blob (
    log_id     TEXT NOT NULL,
    commitment BLOB NOT NULL,
    salt       BLOB NOT NULL,
    content    TEXT NOT NULL,
    PRIMARY KEY (log_id, commitment)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit_checkpoint (
    log_id TEXT NOT NULL,
    size   INTEGER NOT NULL,
    note   TEXT NOT NULL,
    PRIMARY KEY (log_id, size)
) STRICT, WITHOUT ROWID;

-- What must not be erased: a call, or everything where `subject` is empty.
CREATE TABLE audit_hold (
    log_id  TEXT NOT NULL,
    subject TEXT NOT NULL,
    PRIMARY KEY (log_id, subject)
) STRICT, WITHOUT ROWID;

-- Fences against accident, not a proof: whoever owns the file can drop them. The checkpoints prove.
CREATE TRIGGER audit_entry_is_never_updated BEFORE UPDATE ON audit_entry BEGIN
    SELECT raise(ABORT, 'audit_entry is append-only: an entry is never changed; record a new one');
END;
CREATE TRIGGER audit_entry_is_never_deleted BEFORE DELETE ON audit_entry BEGIN
    SELECT raise(ABORT, 'audit_entry is append-only: an entry is never deleted; erase its audit_blob instead');
END;
CREATE TRIGGER audit_blob_is_never_updated BEFORE UPDATE ON audit_blob BEGIN
    SELECT raise(ABORT, 'audit_blob is bound by its commitment: it may be deleted, never changed');
END;
