-- The argument has: suspects, suspect, now. Returns the time until which the measure lasts, or 0.
local a = cmsgpack.unpack(ARGV[1])
local until_ms = redis.call('ZSCORE', KEYS[a.suspects], a.suspect)
if until_ms and tonumber(until_ms) > a.now then return tonumber(until_ms) end
return 0
