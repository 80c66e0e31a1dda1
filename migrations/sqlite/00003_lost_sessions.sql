-- +goose Up

-- Ended sessions whose rows the file has lost in a restore. The service that
-- remembers them writes them back, so that their access tokens stay refused.
-- They are purged as ended sessions are.
CREATE TABLE lost_sessions (
    id         TEXT    PRIMARY KEY,
    revoked_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX lost_sessions_revoked_at ON lost_sessions (revoked_at);

-- +goose Down

DROP TABLE lost_sessions;
