DELETE FROM counters WHERE name LIKE 'evaluations/%';
DROP TABLE key_lists;
DROP TABLE limits;
DROP TABLE factors;
DROP TABLE devices;
