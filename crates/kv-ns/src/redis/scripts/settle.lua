-- The argument has: record, channel, claims, ends (0: no account had claimed it), login, v, body,
-- wake (empty: none), life. Stores the final state from the database, unless the version in the
-- record is already as high, and removes the login from the account's claims.
local a = cmsgpack.unpack(ARGV[1])
local record = KEYS[a.record]
local v = redis.call('HGET', record, 'v')
if v and tonumber(v) < a.v then
    redis.call('HSET', record, 'v', string.format('%d', a.v), 'b', a.body)
    if redis.call('PTTL', record) > a.life then redis.call('PEXPIRE', record, a.life) end
end
if a.claims > 0 then
    redis.call('ZREM', KEYS[a.claims], a.login)
    redis.call('HDEL', KEYS[a.ends], a.login)
end
if a.wake ~= '' then redis.call('PUBLISH', KEYS[a.channel], a.wake) end
return 0
