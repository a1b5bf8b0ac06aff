-- The way in for a few records, for which somebody waits: one statement that numbers, keeps and indexes each of them.
-- Where the log does not end right before the first, the head becomes NULL, which it must not be, and nothing is done.

CREATE VIEW audit_intake AS
    SELECT seq, ts, event, request_id, user_email, action, resource, status, rbac_decision, record FROM audit_log;

CREATE TRIGGER audit_intake_takes INSTEAD OF INSERT ON audit_intake
BEGIN
    UPDATE audit_head SET next_seq = CASE next_seq WHEN NEW.seq THEN NEW.seq + 1 END WHERE id = 1;

    INSERT INTO audit_log (seq, ts, event, request_id, user_email, action, resource, status, rbac_decision, record)
    VALUES (NEW.seq, NEW.ts, NEW.event, NEW.request_id, NEW.user_email, NEW.action, NEW.resource, NEW.status,
        NEW.rbac_decision, NEW.record);

    INSERT INTO audit_stretch (stretch, first_ts, last_ts, first_request, last_request)
    VALUES (NEW.seq / 256, NEW.ts, NEW.ts, NEW.request_id, NEW.request_id)
    ON CONFLICT (stretch) DO UPDATE SET
        first_ts = min(first_ts, excluded.first_ts),
        last_ts = max(last_ts, excluded.last_ts),
        first_request = min(first_request, excluded.first_request),
        last_request = max(last_request, excluded.last_request);

    INSERT INTO audit_stretch_user (user_email, stretch) VALUES (NEW.user_email, NEW.seq / 256)
    ON CONFLICT DO NOTHING;
END;
