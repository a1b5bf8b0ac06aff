-- How people come in: identities at providers, links, sessions, second factors, and what is in the middle of
-- happening. Times are microseconds since the Unix epoch. Hashes are SHA-256 of secrets with 256 random bits.

-- When the first second factor was confirmed; null means that the person has none.
ALTER TABLE users ADD COLUMN mfa_enrolled_at BIGINT;
ALTER TABLE users ADD COLUMN preferred_mfa TEXT;

-- Where the grant comes from: null for a person's decision, else the provider whose group claims gave it.
ALTER TABLE grants ADD COLUMN origin TEXT;

ALTER TABLE tokens ADD COLUMN created_by UUID;

-- Who a person is at a provider. The subject counts, not the address.
CREATE TABLE identities (
    issuer        TEXT    NOT NULL,
    subject       TEXT    NOT NULL,
    user_id       UUID    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    email         TEXT    NOT NULL,
    created_at    BIGINT NOT NULL,
    last_login_at BIGINT,
    PRIMARY KEY (issuer, subject)
);

CREATE INDEX identities_user ON identities (user_id);

-- One-time links: the first administrator's, and invitations.
CREATE TABLE links (
    id         UUID    NOT NULL PRIMARY KEY,
    hash       BYTEA    NOT NULL UNIQUE,
    kind       TEXT    NOT NULL,
    email      TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    role       TEXT,
    -- what the role is held on; set when the role is
    target     TEXT,
    created_by UUID,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at    BIGINT,
    revoked_at BIGINT
);

CREATE TABLE sessions (
    id           UUID    NOT NULL PRIMARY KEY,
    user_id      UUID    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    hash         BYTEA    NOT NULL UNIQUE,
    -- web or cli
    channel      TEXT    NOT NULL,
    -- how the person logged in: oidc:<name>, github, passkey, link
    method       TEXT    NOT NULL,
    created_at   BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    -- when the secret was made: at the login or at the last rotation
    rotated_at   BIGINT NOT NULL,
    -- the absolute limit; the idle limit is counted from last_seen_at
    expires_at   BIGINT NOT NULL,
    -- the last proof of a second factor
    step_up_at   BIGINT,
    revoked_at   BIGINT,
    revoked_why  TEXT,
    ip           TEXT    NOT NULL,
    user_agent   TEXT    NOT NULL,
    device_id    TEXT    NOT NULL,
    device_name  TEXT    NOT NULL
);

CREATE INDEX sessions_user ON sessions (user_id);

-- Something begun that may be finished once: a login at a provider, a passkey ceremony. Taken by deleting it.
CREATE TABLE ceremonies (
    hash       BYTEA    NOT NULL PRIMARY KEY,
    kind       TEXT    NOT NULL,
    user_id    UUID,
    session_id UUID,
    state      TEXT    NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE INDEX ceremonies_expiry ON ceremonies (expires_at);

-- Logins of the command line that are under way: by loopback redirect, by device code, or polled by a state.
CREATE TABLE cli_logins (
    id               UUID    NOT NULL PRIMARY KEY,
    -- of what the client takes its session with: the state, the device code, or the code of the redirect, which is made
    -- when a person says yes
    hash             BYTEA   UNIQUE,
    -- poll, device or loopback
    flow             TEXT    NOT NULL,
    user_code        TEXT    NOT NULL UNIQUE,
    code_challenge   TEXT,
    redirect_uri     TEXT,
    client_state     TEXT,
    device_id        TEXT    NOT NULL,
    device_name      TEXT    NOT NULL,
    ip               TEXT    NOT NULL,
    user_agent       TEXT    NOT NULL,
    created_at       BIGINT  NOT NULL,
    expires_at       BIGINT  NOT NULL,
    -- seconds that a client waits between two polls
    poll_interval    BIGINT  NOT NULL,
    polled_at        BIGINT ,
    approved_by      UUID    REFERENCES users (id) ON DELETE CASCADE,
    approved_session UUID    REFERENCES sessions (id) ON DELETE CASCADE,
    approved_at      BIGINT ,
    denied_at        BIGINT 
);

CREATE INDEX cli_logins_expiry ON cli_logins (expires_at);

CREATE TABLE mfa_methods (
    id            UUID    NOT NULL PRIMARY KEY,
    user_id       UUID    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- webauthn or totp
    kind          TEXT    NOT NULL,
    label         TEXT    NOT NULL,
    -- sealed with the key of the configuration
    secret        BYTEA    NOT NULL,
    credential_id BYTEA    UNIQUE,
    created_at    BIGINT NOT NULL,
    confirmed_at  BIGINT,
    last_used_at  BIGINT
);

CREATE INDEX mfa_methods_user ON mfa_methods (user_id);

-- A time step of TOTP is good for one login.
CREATE TABLE totp_steps (
    method_id UUID    NOT NULL REFERENCES mfa_methods (id) ON DELETE CASCADE,
    step      BIGINT NOT NULL,
    PRIMARY KEY (method_id, step)
);

CREATE TABLE backup_codes (
    id         UUID    NOT NULL PRIMARY KEY,
    user_id    UUID    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- argon2, in PHC form
    hash       TEXT    NOT NULL,
    created_at BIGINT NOT NULL,
    used_at    BIGINT
);

CREATE INDEX backup_codes_user ON backup_codes (user_id);

CREATE TABLE trusted_devices (
    id           UUID    NOT NULL PRIMARY KEY,
    user_id      UUID    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    hash         BYTEA    NOT NULL UNIQUE,
    label        TEXT    NOT NULL,
    ip           TEXT    NOT NULL,
    user_agent   TEXT    NOT NULL,
    created_at   BIGINT NOT NULL,
    last_used_at BIGINT,
    expires_at   BIGINT NOT NULL,
    revoked_at   BIGINT
);

CREATE INDEX trusted_devices_user ON trusted_devices (user_id);

-- Failed proofs, so that all replicas share one budget. `subject` is a user or an address in canonical form.
CREATE TABLE attempts (
    id      UUID    NOT NULL PRIMARY KEY,
    subject TEXT    NOT NULL,
    kind    TEXT    NOT NULL,
    at      BIGINT NOT NULL
);

CREATE INDEX attempts_subject ON attempts (subject, kind, at);

CREATE TABLE settings (
    key        TEXT    NOT NULL PRIMARY KEY,
    -- JSON
    value      TEXT    NOT NULL,
    updated_at BIGINT NOT NULL,
    updated_by UUID
);

-- Mail that waits to be sent, or was.
CREATE TABLE mail (
    id          UUID    NOT NULL PRIMARY KEY,
    recipient   TEXT    NOT NULL,
    subject     TEXT    NOT NULL,
    body        TEXT    NOT NULL,
    created_at  BIGINT NOT NULL,
    next_try_at BIGINT NOT NULL,
    tries       BIGINT NOT NULL,
    sent_at     BIGINT,
    failed_at   BIGINT,
    last_error  TEXT
);

CREATE INDEX mail_due ON mail (next_try_at);
