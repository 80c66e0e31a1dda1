-- +goose Up

-- An event's id is its place in the order in which events are handed out: with
-- one writer, ids become visible in the order in which they are given.

-- How far webhooks have come, and which process delivers them until when. One
-- row.
CREATE TABLE webhooks (
    id          INTEGER PRIMARY KEY CHECK (id = 1),
    position    INTEGER NOT NULL,
    holder      TEXT,
    held_until  INTEGER NOT NULL,
    stopped_for TEXT    NOT NULL DEFAULT ''
) STRICT;

-- Events whose delivery failed, and those of the same user behind them. Only the
-- first of a user has a next_at: the others wait for it.
CREATE TABLE webhook_deliveries (
    position INTEGER PRIMARY KEY,
    user_id  TEXT    NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    next_at  INTEGER
) STRICT;

CREATE INDEX webhook_deliveries_user_id ON webhook_deliveries (user_id, position);
CREATE INDEX webhook_deliveries_next_at ON webhook_deliveries (next_at) WHERE next_at IS NOT NULL;

-- +goose Down

DROP TABLE webhook_deliveries;
DROP TABLE webhooks;
