-- +goose Up

-- How often the refresh token that was rotated last has been presented again
-- from elsewhere, and when an event recorded it.
ALTER TABLE sessions ADD COLUMN repeats INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN repeats_recorded_at INTEGER;

-- +goose Down

ALTER TABLE sessions DROP COLUMN repeats;
ALTER TABLE sessions DROP COLUMN repeats_recorded_at;
