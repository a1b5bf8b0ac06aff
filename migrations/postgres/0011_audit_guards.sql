-- What the triggers on the audit log let through: the head, which numbers the log, only grows. (SQLite has more of
-- them, for its INSERT OR REPLACE.)

CREATE TRIGGER audit_head_only_grows BEFORE UPDATE ON audit_head
    FOR EACH ROW WHEN (NEW.id <> OLD.id OR NEW.next_seq < OLD.next_seq)
    EXECUTE FUNCTION audit_log_is_append_only();

CREATE TRIGGER audit_head_no_delete BEFORE DELETE ON audit_head
    FOR EACH ROW EXECUTE FUNCTION audit_log_is_append_only();

CREATE TRIGGER audit_head_no_truncate BEFORE TRUNCATE ON audit_head
    FOR EACH STATEMENT EXECUTE FUNCTION audit_log_is_append_only();
