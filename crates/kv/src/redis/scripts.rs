//! What is done in one step, on Redis' side. Keys and values are binary; times are milliseconds.

/// KEYS: login. ARGV: body, life.
pub(super) const CREATE: &str = "
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('HSET', KEYS[1], 'v', '1', 'b', ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1";

/// KEYS: login, bus. ARGV: from, to, body, wake (empty: none). Gives 0 missing, 1 stale with what is there, 2 done.
pub(super) const ADVANCE: &str = "
local there = redis.call('HMGET', KEYS[1], 'v', 'b')
if not there[1] then return {0, 0, ''} end
if there[1] ~= ARGV[1] then return {1, tonumber(there[1]), there[2]} end
redis.call('HSET', KEYS[1], 'v', ARGV[2], 'b', ARGV[3])
if ARGV[4] ~= '' then redis.call('PUBLISH', KEYS[2], ARGV[4]) end
return {2, 0, ''}";

/// KEYS: login, bus. ARGV: to, body, wake, life after settling.
pub(super) const SETTLE: &str = "
local v = redis.call('HGET', KEYS[1], 'v')
if v and tonumber(v) < tonumber(ARGV[1]) then
    redis.call('HSET', KEYS[1], 'v', ARGV[1], 'b', ARGV[2])
    if redis.call('PTTL', KEYS[1]) > tonumber(ARGV[4]) then redis.call('PEXPIRE', KEYS[1], ARGV[4]) end
end
if ARGV[3] ~= '' then redis.call('PUBLISH', KEYS[2], ARGV[3]) end
return 0";

/// KEYS: notes in their order, when they vanish. ARGV: note, now, life, most.
pub(super) const NOTE: &str = "
local now, life = tonumber(ARGV[2]), tonumber(ARGV[3])
redis.call('HSET', KEYS[2], ARGV[1], string.format('%d', now + life))
local last = redis.call('ZREVRANGE', KEYS[1], 0, 0, 'WITHSCORES')
local place = last[2] and tonumber(last[2]) + 1 or 1
redis.call('ZADD', KEYS[1], place, ARGV[1])
while redis.call('ZCARD', KEYS[1]) > tonumber(ARGV[4]) do
    local oldest = redis.call('ZRANGE', KEYS[1], 0, 0)[1]
    redis.call('ZREM', KEYS[1], oldest)
    redis.call('HDEL', KEYS[2], oldest)
end
for _, key in ipairs(KEYS) do
    if redis.call('PTTL', key) < life then redis.call('PEXPIRE', key, ARGV[3]) end
end
return 0";

/// KEYS: as above. ARGV: now. Gives what has not vanished, in order.
pub(super) const NOTES: &str = "
local found = {}
for _, note in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
    local until_ms = redis.call('HGET', KEYS[2], note)
    if until_ms and tonumber(until_ms) > tonumber(ARGV[1]) then
        found[#found + 1] = note
    else
        redis.call('ZREM', KEYS[1], note)
        redis.call('HDEL', KEYS[2], note)
    end
end
return found";

/// KEYS: the account's arrival, bus, where it is. ARGV: life, wake without its version (empty: none), the pod (empty: not said). Gives the
/// number of this arrival: microseconds, but always more than the last. Numbers that were counted would begin anew with a Redis that has lost them, and every newcomer would look old.
pub(super) const ARRIVE: &str = "
local time = redis.call('TIME')
local nth = tonumber(time[1]) * 1000000 + tonumber(time[2])
local last = tonumber(redis.call('GET', KEYS[1]) or '0')
if nth <= last then nth = last + 1 end
redis.call('SET', KEYS[1], string.format('%d', nth), 'PX', ARGV[1])
if ARGV[3] ~= '' then redis.call('SET', KEYS[3], string.format('%d', nth) .. ':' .. ARGV[3], 'PX', ARGV[1]) end
if ARGV[2] ~= '' then redis.call('PUBLISH', KEYS[2], ARGV[2] .. struct.pack('>I8', nth)) end
return nth";

/// KEYS: where accounts are. ARGV: where they were; who has come again since is left alone.
pub(super) const DEPART: &str = "
for i, key in ipairs(KEYS) do
    if redis.call('GET', key) == ARGV[i] then redis.call('DEL', key) end
end
return 0";

/// KEYS: counter. ARGV: window. Gives the count and what is left of the window.
pub(super) const COUNT: &str = "
local n = redis.call('INCR', KEYS[1])
local left = redis.call('PTTL', KEYS[1])
if left < 0 then
    redis.call('PEXPIRE', KEYS[1], ARGV[1])
    left = tonumber(ARGV[1])
end
return {n, left}";

/// KEYS: members. ARGV: member, window, most. Gives how many there are.
pub(super) const DISTINCT: &str = "
if redis.call('SCARD', KEYS[1]) < tonumber(ARGV[3]) then redis.call('SADD', KEYS[1], ARGV[1]) end
if redis.call('PTTL', KEYS[1]) < 0 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return redis.call('SCARD', KEYS[1])";

/// KEYS: who stays out. ARGV: key, now. Gives until when, or 0.
pub(super) const QUARANTINED: &str = "
local until_ms = redis.call('ZSCORE', KEYS[1], ARGV[1] .. '0') or redis.call('ZSCORE', KEYS[1], ARGV[1] .. '1')
if until_ms and tonumber(until_ms) > tonumber(ARGV[2]) then return tonumber(until_ms) end
return 0";

/// KEYS: who stays out. ARGV: key and kind, until, now, life. A browser or address stays out once.
pub(super) const QUARANTINE: &str = "
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[3])
local key = string.sub(ARGV[1], 1, 16)
redis.call('ZREM', KEYS[1], key .. '0', key .. '1')
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[4]) then redis.call('PEXPIRE', KEYS[1], ARGV[4]) end
return 0";
