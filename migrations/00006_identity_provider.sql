-- +goose Up

-- The platform that an identity is of, and the account within which its unionid
-- means the same person. The release before knows WeChat alone and writes
-- neither.
ALTER TABLE identities
    ADD COLUMN provider text NOT NULL DEFAULT 'wechat',
    ADD COLUMN account  text NOT NULL DEFAULT 'default';

-- +goose Down

ALTER TABLE identities DROP COLUMN provider, DROP COLUMN account;
