CREATE TABLE audit (
    id     BLOB   NOT NULL PRIMARY KEY,
    realm  BLOB,
    at     BIGINT NOT NULL,
    actor  TEXT   NOT NULL,
    action TEXT   NOT NULL,
    object TEXT   NOT NULL
) WITHOUT ROWID;
INSERT INTO audit (id, realm, at, actor, action, object) SELECT id, realm, at, actor, action, object FROM trail;
CREATE INDEX audit_by_realm ON audit (realm, at);
DROP INDEX outcomes_by_user;
DROP TABLE trail;
DROP TABLE requests;
ALTER TABLE outcomes DROP COLUMN claimed_at;
ALTER TABLE outcomes DROP COLUMN via;
ALTER TABLE redemptions DROP COLUMN request;
ALTER TABLE enrolments DROP COLUMN approval;
ALTER TABLE accounts DROP COLUMN app_version;
ALTER TABLE accounts DROP COLUMN blocked_by;
DROP TABLE apps;
DROP TABLE user_attributes;
ALTER TABLE api_keys DROP COLUMN sources;
ALTER TABLE api_keys DROP COLUMN name;
DROP TABLE roles;
ALTER TABLE clients DROP COLUMN templates;
ALTER TABLE clients DROP COLUMN callback_urls;
ALTER TABLE clients DROP COLUMN logo;
