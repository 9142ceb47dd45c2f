CREATE TABLE unordered (
    seq     INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    id      BLOB    NOT NULL UNIQUE,
    realm   BLOB,
    at      BIGINT  NOT NULL,
    actor   TEXT    NOT NULL,
    action  TEXT    NOT NULL,
    object  TEXT    NOT NULL,
    client  BLOB,
    user_id TEXT,
    detail  TEXT
);
INSERT INTO unordered (id, realm, at, actor, action, object, client, user_id, detail)
    SELECT id, realm, at, actor, action, object, client, user_id, detail FROM trail ORDER BY seq IS NULL, seq, at, id;
DROP TABLE trail;
ALTER TABLE unordered RENAME TO trail;
CREATE INDEX trail_by_realm ON trail (realm, seq);
CREATE INDEX trail_by_user ON trail (realm, user_id);
CREATE INDEX trail_by_object ON trail (object);
CREATE INDEX trail_by_time ON trail (realm, at);
DROP TABLE counters;
