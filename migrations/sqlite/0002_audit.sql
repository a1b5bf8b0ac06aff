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

CREATE INDEX audit_log_ts ON audit_log (ts);
CREATE INDEX audit_log_request ON audit_log (request_id);
CREATE INDEX audit_log_user ON audit_log (user_email, seq);

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
