-- Every list, filter and order has an index that begins with what is filtered and ends with the order.

-- The first part of an action: `login` of `login.approved`.
ALTER TABLE trail ADD COLUMN kind TEXT GENERATED ALWAYS AS
    (CASE instr(action, '.') WHEN 0 THEN action ELSE substr(action, 1, instr(action, '.') - 1) END) VIRTUAL;
DROP INDEX trail_by_user;
DROP INDEX trail_by_object;
CREATE INDEX trail_by_user ON trail (realm, user_id, seq);
CREATE INDEX trail_by_object ON trail (realm, object, seq);
CREATE INDEX trail_by_client ON trail (realm, client, seq);
CREATE INDEX trail_by_kind ON trail (realm, kind, seq);

CREATE INDEX users_by_time ON users (realm, created_at, user_id);

DROP INDEX accounts_by_user;
CREATE INDEX accounts_by_user ON accounts (realm, user_id, created_at, id);
CREATE INDEX accounts_by_time ON accounts (realm, created_at, id);
CREATE INDEX accounts_by_state ON accounts (realm, state, created_at, id);
CREATE INDEX accounts_by_app ON accounts (realm, app, created_at, id);

DROP INDEX enrolments_by_user;
CREATE INDEX enrolments_by_user ON enrolments (realm, user_id, created_at, id);
CREATE INDEX enrolments_by_time ON enrolments (realm, created_at, id);
CREATE INDEX enrolments_by_client ON enrolments (realm, client, created_at, id);

DROP INDEX outcomes_by_user;
CREATE INDEX outcomes_by_user ON outcomes (realm, user_id, ends_at, id);

CREATE INDEX api_keys_by_realm ON api_keys (realm, id);
CREATE INDEX api_keys_by_client ON api_keys (client, id);
CREATE INDEX api_keys_by_role ON api_keys (role, id);
