-- {counter, window}. Gives the count and how many milliseconds are left of the window.
local a = cmsgpack.unpack(ARGV[1])
return {count(KEYS[a.counter], a.window)}
