-- The argument has: record, channel, claims, ends, from, v, body, wake (empty: none), login, now,
-- life, most. Returns 0 when there is no record, 1 with the record when it has another version, and
-- 2 when it was changed.
local a = cmsgpack.unpack(ARGV[1])
local there = redis.call('HMGET', KEYS[a.record], 'v', 'b')
if not there[1] then return {0, 0, ''} end
if tonumber(there[1]) ~= a.from then return {1, tonumber(there[1]), there[2]} end
redis.call('HSET', KEYS[a.record], 'v', string.format('%d', a.v), 'b', a.body)
note(KEYS[a.claims], KEYS[a.ends], a.login, a.now, a.life, a.most)
if a.wake ~= '' then redis.call('PUBLISH', KEYS[a.channel], a.wake) end
return {2, 0, ''}
