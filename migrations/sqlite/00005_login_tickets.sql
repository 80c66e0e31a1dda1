-- +goose Up

-- A ticket hands a person over to a web-view or another app: it logs in once.
-- Only its SHA-256 is kept. Rows live for a minute.
CREATE TABLE tickets (
    hash       BLOB    PRIMARY KEY,
    user_id    TEXT    NOT NULL,
    session_id TEXT    NOT NULL,
    app_id     TEXT    NOT NULL,
    audience   TEXT    NOT NULL DEFAULT '',
    expires_at INTEGER NOT NULL
) STRICT;

CREATE INDEX tickets_expires_at ON tickets (expires_at);

-- +goose Down

DROP TABLE tickets;
