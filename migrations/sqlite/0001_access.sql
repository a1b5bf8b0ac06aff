-- People, their API tokens, custom roles, and the grants that join them to targets.
-- Times are microseconds since the Unix epoch. Ids are UUIDs (16 bytes).

CREATE TABLE users (
    id            BLOB    NOT NULL PRIMARY KEY,
    email         TEXT    NOT NULL UNIQUE,
    name          TEXT    NOT NULL,
    created_at    INTEGER NOT NULL,
    locked_at     INTEGER,
    locked_reason TEXT
) STRICT;

CREATE TABLE roles (
    name        TEXT    NOT NULL PRIMARY KEY,
    description TEXT    NOT NULL,
    -- one permission pattern a line
    permissions TEXT    NOT NULL,
    created_at  INTEGER NOT NULL
) STRICT;

CREATE TABLE tokens (
    id           BLOB    NOT NULL PRIMARY KEY,
    user_id      BLOB    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name         TEXT    NOT NULL UNIQUE,
    -- SHA-256 of the whole token
    hash         BLOB    NOT NULL UNIQUE,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER,
    revoked_at   INTEGER,
    last_used_at INTEGER
) STRICT;

CREATE INDEX tokens_user ON tokens (user_id);

CREATE TABLE grants (
    id         BLOB    NOT NULL PRIMARY KEY,
    user_id    BLOB    REFERENCES users (id) ON DELETE CASCADE,
    token_id   BLOB    REFERENCES tokens (id) ON DELETE CASCADE,
    role       TEXT    NOT NULL,
    target     TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    CHECK ((user_id IS NULL) <> (token_id IS NULL))
) STRICT;

CREATE INDEX grants_user ON grants (user_id);
CREATE INDEX grants_token ON grants (token_id);

-- Counts every change to the tables above, so that each process sees when its copy is old.
CREATE TABLE access_epoch (
    id    INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    epoch INTEGER NOT NULL
) STRICT;

INSERT INTO access_epoch (id, epoch) VALUES (1, 1);
