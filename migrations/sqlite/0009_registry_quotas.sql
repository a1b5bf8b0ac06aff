-- Bytes that ever came to a namespace with a quota, through any replica. Each replica counts the storage from time to
-- time; what came since is the difference to what stood here then.
CREATE TABLE registry_quota_bytes (
    namespace TEXT    NOT NULL PRIMARY KEY,
    added     INTEGER NOT NULL
) STRICT;
