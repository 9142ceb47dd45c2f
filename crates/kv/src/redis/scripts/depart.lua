-- The argument has: places, were. Deletes each place that still has the value in `were`. The place
-- of a peer that has arrived again since then is left alone.
local a = cmsgpack.unpack(ARGV[1])
for i, place in ipairs(a.places) do
    if redis.call('GET', KEYS[place]) == a.were[i] then redis.call('DEL', KEYS[place]) end
end
return 0
