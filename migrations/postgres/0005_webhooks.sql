-- What is told to others of the container registry. Times are microseconds since the Unix epoch.

-- Deliveries that wait, or have ended. A replica that sends one claims it by moving `next_try_at` to the end of its
-- lease. `certain` is 0 as long as it is not known whether what is told has happened: the row is written before the
-- change is.
CREATE TABLE webhook_deliveries (
    id          UUID   NOT NULL PRIMARY KEY,
    webhook     TEXT    NOT NULL,
    -- the exact bytes that are signed and sent
    body        BYTEA   NOT NULL,
    certain     BIGINT NOT NULL,
    created_at  BIGINT NOT NULL,
    next_try_at BIGINT NOT NULL,
    tries       BIGINT NOT NULL,
    sent_at     BIGINT,
    failed_at   BIGINT,
    last_error  TEXT
);

CREATE INDEX webhook_deliveries_due ON webhook_deliveries (webhook, next_try_at);

-- The request that brought a blob, for the record of the manifest that needs it.
CREATE TABLE registry_blob_origins (
    repository  TEXT    NOT NULL,
    digest      TEXT    NOT NULL,
    request_id  UUID   NOT NULL,
    uploaded_at BIGINT NOT NULL,
    PRIMARY KEY (repository, digest)
);

CREATE INDEX registry_blob_origins_age ON registry_blob_origins (uploaded_at);
