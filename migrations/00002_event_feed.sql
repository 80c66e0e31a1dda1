-- +goose NO TRANSACTION
-- +goose Up

-- The place of an event in the order in which events are handed out. It is
-- given after the event was committed, by whoever reads next: ids are drawn
-- before a commit and may become visible out of order.
ALTER TABLE events ADD COLUMN IF NOT EXISTS position bigint;
CREATE SEQUENCE IF NOT EXISTS events_position;
CREATE INDEX CONCURRENTLY IF NOT EXISTS events_unplaced ON events (id) WHERE position IS NULL;
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS events_position_key ON events (position) WHERE position IS NOT NULL;

-- How far webhooks have come, and which process delivers them until when. One
-- row.
CREATE TABLE IF NOT EXISTS webhooks (
    id          integer     PRIMARY KEY CHECK (id = 1),
    position    bigint      NOT NULL,
    holder      uuid,
    held_until  timestamptz NOT NULL,
    stopped_for text        NOT NULL DEFAULT ''
);

-- Events whose delivery failed, and those of the same user behind them. Only the
-- first of a user has a next_at: the others wait for it.
CREATE TABLE IF NOT EXISTS webhook_deliveries (
    position bigint      PRIMARY KEY,
    user_id  uuid        NOT NULL,
    attempts integer     NOT NULL DEFAULT 0,
    next_at  timestamptz
);

CREATE INDEX IF NOT EXISTS webhook_deliveries_user_id ON webhook_deliveries (user_id, position);
CREATE INDEX IF NOT EXISTS webhook_deliveries_next_at ON webhook_deliveries (next_at) WHERE next_at IS NOT NULL;

-- +goose Down

DROP TABLE webhook_deliveries;
DROP TABLE webhooks;
DROP INDEX events_position_key;
DROP INDEX events_unplaced;
DROP SEQUENCE events_position;
ALTER TABLE events DROP COLUMN position;
