-- The argument has: newest, place, channel, life, pod (empty if unknown), wake (the wake-up without
-- its number; empty for none), now in microseconds. Returns the number of this arrival: the time,
-- but always more than the last number. A counter would start again in a Redis that has lost its
-- data, and every newcomer would look old.
local a = cmsgpack.unpack(ARGV[1])
local arrival = a.now
local last = tonumber(redis.call('GET', KEYS[a.newest]) or '0')
if arrival <= last then arrival = last + 1 end
local written = string.format('%d', arrival)
redis.call('SET', KEYS[a.newest], written, 'PX', a.life)
if a.pod ~= '' then redis.call('SET', KEYS[a.place], written .. ':' .. a.pod, 'PX', a.life) end
if a.wake ~= '' then redis.call('PUBLISH', KEYS[a.channel], a.wake .. struct.pack('>I8', arrival)) end
return arrival
