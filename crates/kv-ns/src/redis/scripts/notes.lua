-- The argument has: notes, ends, now. Removes notes that have expired, and returns the others in
-- order.
local a = cmsgpack.unpack(ARGV[1])
local found = {}
for _, note in ipairs(redis.call('ZRANGE', KEYS[a.notes], 0, -1)) do
    local until_ms = redis.call('HGET', KEYS[a.ends], note)
    if until_ms and tonumber(until_ms) > a.now then
        found[#found + 1] = note
    else
        redis.call('ZREM', KEYS[a.notes], note)
        redis.call('HDEL', KEYS[a.ends], note)
    end
end
return found
