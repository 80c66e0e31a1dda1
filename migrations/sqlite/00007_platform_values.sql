-- +goose Up

-- What platforms hand over between calls, for all processes and the next start: a
-- component_verify_ticket, a token that all have to share. Sealed under the data key.
-- A row is replaced as a whole; there are a few for each app.
CREATE TABLE platform_values (
    name   TEXT    PRIMARY KEY,
    sealed BLOB    NOT NULL,
    at     INTEGER NOT NULL
) STRICT;

-- +goose Down

DROP TABLE platform_values;
