-- +goose Up

-- How often the refresh token that was rotated last has been presented again
-- from elsewhere, and when an event recorded it. No index holds them: a refresh
-- updates its row in place.
ALTER TABLE sessions ADD COLUMN repeats bigint NOT NULL DEFAULT 0, ADD COLUMN repeats_recorded_at timestamptz;

-- +goose Down

ALTER TABLE sessions DROP COLUMN repeats, DROP COLUMN repeats_recorded_at;
