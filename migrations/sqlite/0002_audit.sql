-- The audit log. `record` holds the exact bytes of the record; the other columns are copies to search by.

CREATE TABLE audit_log (
    seq           INTEGER NOT NULL PRIMARY KEY,
    ts            INTEGER NOT NULL,
    event         TEXT    NOT NULL,
    request_id    BLOB    NOT NULL,
    user_email    TEXT    NOT NULL,
    action        TEXT    NOT NULL,
    resource      TEXT    NOT NULL,
    status        TEXT    NOT NULL,
    rbac_decision TEXT    NOT NULL,
    record        BLOB    NOT NULL
) STRICT;

-- Where to look. The log is cut into stretches of 256 numbers (seq / 256); an entry for each stretch costs a
-- fraction of an index entry for each record, and 256 records are quickly searched. These are aids: they may say
-- that a stretch is worth a look when it is not, never the opposite.
CREATE TABLE audit_stretch (
    stretch       INTEGER NOT NULL PRIMARY KEY,
    first_ts      INTEGER NOT NULL,
    last_ts       INTEGER NOT NULL,
    first_request BLOB    NOT NULL,
    last_request  BLOB    NOT NULL
) STRICT;

CREATE TABLE audit_stretch_user (
    user_email TEXT    NOT NULL,
    stretch    INTEGER NOT NULL,
    PRIMARY KEY (user_email, stretch)
) STRICT, WITHOUT ROWID;

-- The next sequence number. Taken inside the transaction that inserts, so that the numbers have no gap.
CREATE TABLE audit_head (
    id       INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    next_seq INTEGER NOT NULL
) STRICT;

INSERT INTO audit_head (id, next_seq) VALUES (1, 1);

CREATE TRIGGER audit_log_no_update BEFORE UPDATE ON audit_log
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;

CREATE TRIGGER audit_log_no_delete BEFORE DELETE ON audit_log
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;

CREATE TRIGGER audit_stretch_only_widens BEFORE UPDATE ON audit_stretch
WHEN NEW.stretch <> OLD.stretch OR NEW.first_ts > OLD.first_ts OR NEW.last_ts < OLD.last_ts
    OR NEW.first_request > OLD.first_request OR NEW.last_request < OLD.last_request
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;

CREATE TRIGGER audit_stretch_no_delete BEFORE DELETE ON audit_stretch
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;

CREATE TRIGGER audit_stretch_user_no_update BEFORE UPDATE ON audit_stretch_user
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;

CREATE TRIGGER audit_stretch_user_no_delete BEFORE DELETE ON audit_stretch_user
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
