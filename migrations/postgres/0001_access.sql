-- People, their API tokens, custom roles, and the grants that join them to targets.
-- Times are microseconds since the Unix epoch. Ids are UUIDs.

CREATE TABLE users (
    id            UUID NOT NULL PRIMARY KEY,
    email         TEXT    NOT NULL UNIQUE,
    name          TEXT    NOT NULL,
    created_at    BIGINT NOT NULL,
    locked_at     BIGINT,
    locked_reason TEXT
);

CREATE TABLE roles (
    name        TEXT    NOT NULL PRIMARY KEY,
    description TEXT    NOT NULL,
    -- one permission pattern a line
    permissions TEXT    NOT NULL,
    created_at  BIGINT NOT NULL
);

CREATE TABLE tokens (
    id           UUID NOT NULL PRIMARY KEY,
    user_id   UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name         TEXT    NOT NULL UNIQUE,
    -- SHA-256 of the whole token
    hash         BYTEA NOT NULL UNIQUE,
    created_at   BIGINT NOT NULL,
    expires_at   BIGINT,
    revoked_at   BIGINT,
    last_used_at BIGINT
);

CREATE INDEX tokens_user ON tokens (user_id);

CREATE TABLE grants (
    id         UUID NOT NULL PRIMARY KEY,
    user_id    UUID REFERENCES users (id) ON DELETE CASCADE,
    token_id   UUID REFERENCES tokens (id) ON DELETE CASCADE,
    role       TEXT    NOT NULL,
    target     TEXT    NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    CHECK ((user_id IS NULL) <> (token_id IS NULL))
);

CREATE INDEX grants_user ON grants (user_id);
CREATE INDEX grants_token ON grants (token_id);

-- Counts every change to the tables above, so that each process sees when its copy is old.
CREATE TABLE access_epoch (
    id    BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    epoch BIGINT NOT NULL
);

INSERT INTO access_epoch (id, epoch) VALUES (1, 1);
