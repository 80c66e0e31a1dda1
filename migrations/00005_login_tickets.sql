-- +goose Up

-- A ticket hands a person over to a web-view or another app: it logs in once.
-- Only its SHA-256 is kept. Rows live for a minute.
CREATE TABLE tickets (
    hash       bytea       PRIMARY KEY,
    user_id    uuid        NOT NULL,
    session_id uuid        NOT NULL,
    app_id     text        NOT NULL,
    audience   text        NOT NULL DEFAULT '',
    expires_at timestamptz NOT NULL
);

CREATE INDEX tickets_expires_at ON tickets (expires_at);

-- +goose Down

DROP TABLE tickets;
