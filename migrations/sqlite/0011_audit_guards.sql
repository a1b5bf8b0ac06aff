-- What the triggers on the audit log let through. INSERT OR REPLACE deletes a row without asking the triggers on DELETE,
-- so an insertion is refused where a row stands; and the head, which numbers the log, only grows.

CREATE TRIGGER audit_log_no_replace BEFORE INSERT ON audit_log
WHEN EXISTS (SELECT 1 FROM audit_log WHERE seq = NEW.seq)
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;

-- Also a stretch that is widened begins as an insertion, and of less than stands there. So what counts is what stands
-- there then: fires when a row was inserted, not when one was widened, which is once for each stretch.
CREATE TRIGGER audit_stretch_hides_nothing AFTER INSERT ON audit_stretch
WHEN EXISTS (
    SELECT 1 FROM audit_log WHERE seq BETWEEN NEW.stretch * 256 AND NEW.stretch * 256 + 255
        AND (ts < NEW.first_ts OR ts > NEW.last_ts OR request_id < NEW.first_request OR request_id > NEW.last_request)
)
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;

CREATE TRIGGER audit_head_no_replace BEFORE INSERT ON audit_head
WHEN EXISTS (SELECT 1 FROM audit_head)
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;

CREATE TRIGGER audit_head_only_grows BEFORE UPDATE ON audit_head
WHEN NEW.id <> OLD.id OR NEW.next_seq < OLD.next_seq
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;

CREATE TRIGGER audit_head_no_delete BEFORE DELETE ON audit_head
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
