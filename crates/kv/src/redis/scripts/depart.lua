-- {places, were}: each place is forgotten where it still holds what it was. A peer that has come again since is left alone.
local a = cmsgpack.unpack(ARGV[1])
for i, place in ipairs(a.places) do
    if redis.call('GET', KEYS[place]) == a.were[i] then redis.call('DEL', KEYS[place]) end
end
return 0
