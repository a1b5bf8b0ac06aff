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

-- Where to look. The log is cut into stretches of 256 numbers (seq / 256); an entry for each stretch costs a
-- fraction of an index entry for each record, and 256 records are quickly searched. These are aids: they may say
-- that a stretch is worth a look when it is not, never the opposite.
CREATE TABLE audit_stretch (
    stretch       BIGINT NOT NULL PRIMARY KEY,
    first_ts      BIGINT NOT NULL,
    last_ts       BIGINT NOT NULL,
    first_request UUID   NOT NULL,
    last_request  UUID   NOT NULL
);

CREATE TABLE audit_stretch_user (
    user_email TEXT   NOT NULL,
    stretch    BIGINT NOT NULL,
    PRIMARY KEY (user_email, stretch)
);

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

CREATE TRIGGER audit_stretch_only_widens BEFORE UPDATE ON audit_stretch
    FOR EACH ROW WHEN (NEW.stretch <> OLD.stretch OR NEW.first_ts > OLD.first_ts OR NEW.last_ts < OLD.last_ts
        OR NEW.first_request > OLD.first_request OR NEW.last_request < OLD.last_request)
    EXECUTE FUNCTION audit_log_is_append_only();

CREATE TRIGGER audit_stretch_no_delete BEFORE DELETE ON audit_stretch
    FOR EACH ROW EXECUTE FUNCTION audit_log_is_append_only();

CREATE TRIGGER audit_stretch_no_truncate BEFORE TRUNCATE ON audit_stretch
    FOR EACH STATEMENT EXECUTE FUNCTION audit_log_is_append_only();

CREATE TRIGGER audit_stretch_user_no_change BEFORE UPDATE OR DELETE ON audit_stretch_user
    FOR EACH ROW EXECUTE FUNCTION audit_log_is_append_only();

CREATE TRIGGER audit_stretch_user_no_truncate BEFORE TRUNCATE ON audit_stretch_user
    FOR EACH STATEMENT EXECUTE FUNCTION audit_log_is_append_only();
