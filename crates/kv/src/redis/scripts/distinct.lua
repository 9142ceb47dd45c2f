-- The argument has: members, member, window, most. Returns the number of members.
local a = cmsgpack.unpack(ARGV[1])
local members = KEYS[a.members]
if redis.call('SCARD', members) < a.most then redis.call('SADD', members, a.member) end
if redis.call('PTTL', members) < 0 then redis.call('PEXPIRE', members, a.window) end
return redis.call('SCARD', members)
