-- +goose Up

-- The platform that an identity is of, and the account within which its unionid
-- means the same person. The release before knows WeChat alone and writes
-- neither.
ALTER TABLE identities ADD COLUMN provider TEXT NOT NULL DEFAULT 'wechat';
ALTER TABLE identities ADD COLUMN account TEXT NOT NULL DEFAULT 'default';

-- +goose Down

ALTER TABLE identities DROP COLUMN provider;
ALTER TABLE identities DROP COLUMN account;
