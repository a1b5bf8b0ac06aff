-- The directory of services: who is registered, who is alive, what happened. Times are microseconds since the Unix
-- epoch. Records are JSON documents; the columns beside them are copies to find them by.

-- The number of the last event, and of the last one that was forgotten. This row is what all who write here wait
-- for, so that events become visible in the order of their numbers.
CREATE TABLE directory_head (
    id        INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    revision  INTEGER NOT NULL,
    forgotten INTEGER NOT NULL
) STRICT;

INSERT INTO directory_head (id, revision, forgotten) VALUES (1, 0, 0);

CREATE TABLE instances (
    id       TEXT    NOT NULL PRIMARY KEY,
    slug     TEXT    NOT NULL,
    url      TEXT    NOT NULL,
    -- the event that made the record what it is
    revision INTEGER NOT NULL,
    record   TEXT    NOT NULL,
    UNIQUE (slug, url)
) STRICT;

-- Signs of life, apart from the records because they come far more often.
CREATE TABLE instance_beats (
    instance_id TEXT    NOT NULL PRIMARY KEY REFERENCES instances (id) ON DELETE CASCADE,
    -- the instance's own heartbeat; 0 before the first
    renewed_at  INTEGER NOT NULL,
    -- the same, or a check that went well
    seen_at     INTEGER NOT NULL
) STRICT;

-- Whose a slug is. Claims outlive the instances: a service that is down must not lose its name to somebody else.
CREATE TABLE service_slugs (
    slug        TEXT    NOT NULL PRIMARY KEY,
    owner_id    BLOB    NOT NULL,
    owner_email TEXT    NOT NULL,
    claimed_at  INTEGER NOT NULL
) STRICT;

CREATE TABLE directory_events (
    revision    INTEGER NOT NULL PRIMARY KEY,
    kind        TEXT    NOT NULL,
    instance_id TEXT    NOT NULL,
    at          INTEGER NOT NULL,
    -- the instance's record after the event, or the last one
    record      TEXT    NOT NULL
) STRICT;

-- Replicas of the gateway, and machines that registered themselves.
CREATE TABLE nodes (
    id         TEXT    NOT NULL PRIMARY KEY,
    url        TEXT    NOT NULL UNIQUE,
    -- null for a replica of the gateway
    owner_id   BLOB,
    record     TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    beat_at    INTEGER NOT NULL
) STRICT;
