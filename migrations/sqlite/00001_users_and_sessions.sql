-- +goose Up

-- The tables of the PostgreSQL schema, told in SQLite's types: identifiers as
-- text, times as microseconds since 1970 (UTC), lists and objects as JSON.

CREATE TABLE users (
    id              TEXT    PRIMARY KEY,
    nickname        TEXT    NOT NULL DEFAULT '',
    avatar_url      TEXT    NOT NULL DEFAULT '',
    phone_sealed    BLOB,
    phone_hash      BLOB,
    roles           TEXT    NOT NULL DEFAULT '[]',
    metadata        TEXT    NOT NULL DEFAULT '{}',
    created_at      INTEGER NOT NULL,
    last_login_at   INTEGER NOT NULL,
    disabled_at     INTEGER,
    disabled_reason TEXT    NOT NULL DEFAULT '',
    deleted_at      INTEGER
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX users_phone_hash ON users (phone_hash) WHERE phone_hash IS NOT NULL;
CREATE INDEX users_nickname ON users (nickname) WHERE nickname <> '';

CREATE TABLE identities (
    app_id         TEXT    NOT NULL,
    openid         TEXT    NOT NULL,
    user_id        TEXT    NOT NULL REFERENCES users (id),
    unionid        TEXT,
    unionid_at     INTEGER,
    session_key    BLOB,
    session_key_at INTEGER,
    created_at     INTEGER NOT NULL,
    PRIMARY KEY (app_id, openid)
) STRICT, WITHOUT ROWID;

CREATE INDEX identities_user_id ON identities (user_id);
CREATE INDEX identities_unionid ON identities (unionid) WHERE unionid IS NOT NULL;

CREATE TABLE sessions (
    user_id        TEXT    NOT NULL REFERENCES users (id),
    id             TEXT    NOT NULL,
    app_id         TEXT    NOT NULL,
    device_id      TEXT    NOT NULL DEFAULT '',
    device_name    TEXT    NOT NULL DEFAULT '',
    user_agent     TEXT    NOT NULL DEFAULT '',
    ip             TEXT    NOT NULL DEFAULT '',
    used           INTEGER NOT NULL DEFAULT 0,
    last           INTEGER NOT NULL DEFAULT 1,
    created_at     INTEGER NOT NULL,
    rotated_at     INTEGER NOT NULL,
    expires_at     INTEGER NOT NULL,
    revoked_at     INTEGER,
    revoked_reason TEXT    NOT NULL DEFAULT '',
    PRIMARY KEY (user_id, id),
    CHECK (0 <= used AND used < last)
) STRICT, WITHOUT ROWID;

CREATE INDEX sessions_id ON sessions (id);
CREATE INDEX sessions_revoked_at ON sessions (revoked_at) WHERE revoked_at IS NOT NULL;

CREATE TABLE events (
    id         INTEGER PRIMARY KEY,
    at         INTEGER NOT NULL,
    kind       TEXT    NOT NULL,
    user_id    TEXT,
    session_id TEXT,
    actor      TEXT    NOT NULL DEFAULT '',
    detail     TEXT    NOT NULL DEFAULT '{}'
) STRICT;

CREATE INDEX events_user_id ON events (user_id, id);

-- +goose Down

DROP TABLE events;
DROP TABLE sessions;
DROP TABLE identities;
DROP TABLE users;
