-- The argument has: suspects, suspect, until_ms, now, life.
local a = cmsgpack.unpack(ARGV[1])
local suspects = KEYS[a.suspects]
redis.call('ZREMRANGEBYSCORE', suspects, '-inf', string.format('%d', a.now))
redis.call('ZADD', suspects, string.format('%d', a.until_ms), a.suspect)
if redis.call('PTTL', suspects) < a.life then redis.call('PEXPIRE', suspects, a.life) end
return 0
