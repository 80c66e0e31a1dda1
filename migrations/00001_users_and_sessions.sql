-- +goose Up

-- A person. The fill factor leaves room on the page for the next
-- last_login_at, which no index holds, so that a login updates in place (HOT).
CREATE TABLE users (
    id              uuid        PRIMARY KEY,
    nickname        text        NOT NULL DEFAULT '',
    avatar_url      text        NOT NULL DEFAULT '',
    phone_sealed    bytea,
    phone_hash      bytea,
    roles           text[]      NOT NULL DEFAULT '{}',
    metadata        jsonb       NOT NULL DEFAULT '{}',
    created_at      timestamptz NOT NULL,
    last_login_at   timestamptz NOT NULL,
    disabled_at     timestamptz,
    disabled_reason text        NOT NULL DEFAULT '',
    deleted_at      timestamptz
) WITH (fillfactor = 80);

CREATE UNIQUE INDEX users_phone_hash ON users (phone_hash) WHERE phone_hash IS NOT NULL;
CREATE INDEX users_nickname ON users (nickname text_pattern_ops) WHERE nickname <> '';

-- How a person is known to one mini program. unionid_at orders the identities
-- that share a unionid: the first one decides whom a newcomer joins.
CREATE TABLE identities (
    app_id         text        NOT NULL,
    openid         text        NOT NULL,
    user_id        uuid        NOT NULL REFERENCES users (id),
    unionid        text,
    unionid_at     timestamptz,
    session_key    bytea,
    session_key_at timestamptz,
    created_at     timestamptz NOT NULL,
    PRIMARY KEY (app_id, openid)
) WITH (fillfactor = 80);

CREATE INDEX identities_user_id ON identities (user_id);
CREATE INDEX identities_unionid ON identities (unionid) WHERE unionid IS NOT NULL;

-- One row a session, however often it is refreshed. The columns that a refresh
-- changes (used, last, rotated_at, expires_at, ip, user_agent) stand in no
-- index. The user comes first in the key, so that one user's sessions lie
-- together and the table can be spread over machines by user.
CREATE TABLE sessions (
    user_id        uuid        NOT NULL REFERENCES users (id),
    id             uuid        NOT NULL,
    app_id         text        NOT NULL,
    device_id      text        NOT NULL DEFAULT '',
    device_name    text        NOT NULL DEFAULT '',
    user_agent     text        NOT NULL DEFAULT '',
    ip             text        NOT NULL DEFAULT '',
    used           bigint      NOT NULL DEFAULT 0,
    last           bigint      NOT NULL DEFAULT 1,
    created_at     timestamptz NOT NULL,
    rotated_at     timestamptz NOT NULL,
    expires_at     timestamptz NOT NULL,
    revoked_at     timestamptz,
    revoked_reason text        NOT NULL DEFAULT '',
    PRIMARY KEY (user_id, id),
    CHECK (0 <= used AND used < last)
) WITH (fillfactor = 60);

CREATE INDEX sessions_id ON sessions (id);
CREATE INDEX sessions_revoked_at ON sessions (revoked_at) WHERE revoked_at IS NOT NULL;

-- What security and support ask about later; not one row a refresh.
CREATE TABLE events (
    id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         timestamptz NOT NULL,
    kind       text        NOT NULL,
    user_id    uuid,
    session_id uuid,
    actor      text        NOT NULL DEFAULT '',
    detail     jsonb       NOT NULL DEFAULT '{}'
);

CREATE INDEX events_user_id ON events (user_id, id);

-- +goose Down

DROP TABLE events;
DROP TABLE sessions;
DROP TABLE identities;
DROP TABLE users;
