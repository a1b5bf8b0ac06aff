-- The audit log. `record` holds the exact bytes of the record; the other columns are copies to search by.

CREATE TABLE audit_log (
    seq           BIGINT NOT NULL PRIMARY KEY,
    ts            BIGINT NOT NULL,
    event         TEXT   NOT NULL,
    request_id    UUID   NOT NULL,
    user_email    TEXT   NOT NULL,
    action        TEXT   NOT NULL,
    resource      TEXT   NOT NULL,
    status        TEXT   NOT NULL,
    rbac_decision TEXT   NOT NULL,
    record        BYTEA  NOT NULL
);

CREATE INDEX audit_log_ts ON audit_log (ts);
CREATE INDEX audit_log_request ON audit_log (request_id);
CREATE INDEX audit_log_user ON audit_log (user_email, seq);

-- The next sequence number. Taken inside the transaction that inserts, so that the numbers have no gap:
-- the row's lock puts the batches of all replicas in one order.
CREATE TABLE audit_head (
    id       BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    next_seq BIGINT NOT NULL
);

INSERT INTO audit_head (id, next_seq) VALUES (1, 1);

CREATE FUNCTION audit_log_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only';
END;
$$;

CREATE TRIGGER audit_log_no_change BEFORE UPDATE OR DELETE ON audit_log
    FOR EACH ROW EXECUTE FUNCTION audit_log_is_append_only();

CREATE TRIGGER audit_log_no_truncate BEFORE TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION audit_log_is_append_only();
