DROP TABLE counters;
DROP TABLE trail;
DROP TABLE server_keys;
DROP TABLE server;
