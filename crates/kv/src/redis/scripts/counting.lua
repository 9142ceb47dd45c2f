-- Adds one to a counter. Returns the count and the milliseconds left of the window.
local function count(counter, window)
    local n = redis.call('INCR', counter)
    local left = redis.call('PTTL', counter)
    if left < 0 then
        redis.call('PEXPIRE', counter, window)
        left = window
    end
    return n, left
end
