-- The trail's order is given after the commit, as on databases where several pods write at once.

-- The last `seq` of the trail; the oldest schema a program must know to work here.
CREATE TABLE counters (
    name TEXT   NOT NULL PRIMARY KEY,
    n    BIGINT NOT NULL
) WITHOUT ROWID;
INSERT INTO counters (name, n) VALUES ('trail', COALESCE((SELECT seq FROM sqlite_sequence WHERE name = 'trail'), 0)), ('oldest_schema', 4);

CREATE TABLE ordered (
    id      BLOB   NOT NULL PRIMARY KEY,
    seq     BIGINT UNIQUE,
    realm   BLOB,
    at      BIGINT NOT NULL,
    actor   TEXT   NOT NULL,
    action  TEXT   NOT NULL,
    object  TEXT   NOT NULL,
    client  BLOB,
    user_id TEXT,
    detail  TEXT
) WITHOUT ROWID;
INSERT INTO ordered (id, seq, realm, at, actor, action, object, client, user_id, detail)
    SELECT id, seq, realm, at, actor, action, object, client, user_id, detail FROM trail;
DROP TABLE trail;
ALTER TABLE ordered RENAME TO trail;
CREATE INDEX trail_by_realm ON trail (realm, seq);
CREATE INDEX trail_by_user ON trail (realm, user_id);
CREATE INDEX trail_by_object ON trail (object);
CREATE INDEX trail_by_time ON trail (realm, at);
