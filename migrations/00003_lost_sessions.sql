-- +goose Up

-- Ended sessions whose rows the database has lost in a failover or a restore. A
-- pod that remembers them writes them back, so that every pod goes on refusing
-- their access tokens. They are purged as ended sessions are.
CREATE TABLE lost_sessions (
    id         uuid        PRIMARY KEY,
    revoked_at timestamptz NOT NULL
);

CREATE INDEX lost_sessions_revoked_at ON lost_sessions (revoked_at);

-- +goose Down

DROP TABLE lost_sessions;
