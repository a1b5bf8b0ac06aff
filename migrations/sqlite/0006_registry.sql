-- The container registry, as far as replicas must agree on it. Times are microseconds since the Unix epoch.

-- Who has something to themselves, until when. A holder that dies lets go by the clock.
CREATE TABLE registry_leases (
    name   TEXT    NOT NULL PRIMARY KEY,
    holder TEXT    NOT NULL,
    until  INTEGER NOT NULL
) STRICT;

-- Whoever opens or closes the gate of the collector changes this row first, so that one waits for the other.
INSERT INTO registry_leases (name, holder, until) VALUES ('gate', '', 0);

-- Uploads to a registry elsewhere: what it calls the upload is not shown to clients.
CREATE TABLE registry_uploads (
    id         BLOB    NOT NULL PRIMARY KEY,
    repository TEXT    NOT NULL,
    -- who began it, and who alone may go on
    subject    TEXT,
    -- path and query at the registry behind, as it said last
    place      TEXT    NOT NULL,
    -- bytes that it has taken
    received   INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    touched_at INTEGER NOT NULL
) STRICT;

CREATE INDEX registry_uploads_touched ON registry_uploads (touched_at);
