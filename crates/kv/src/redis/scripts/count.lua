-- The argument has: counter, window. Returns the count and the milliseconds left of the window.
local a = cmsgpack.unpack(ARGV[1])
return {count(KEYS[a.counter], a.window)}
