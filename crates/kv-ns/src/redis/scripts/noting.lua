-- Stores `what` in `notes`, and the time at which it expires in `ends`. The oldest beyond `most` is
-- removed.
local function note(notes, ends, what, now, life, most)
    redis.call('HSET', ends, what, string.format('%d', now + life))
    local last = redis.call('ZREVRANGE', notes, 0, 0, 'WITHSCORES')
    redis.call('ZADD', notes, last[2] and tonumber(last[2]) + 1 or 1, what)
    while redis.call('ZCARD', notes) > most do
        local oldest = redis.call('ZRANGE', notes, 0, 0)[1]
        redis.call('ZREM', notes, oldest)
        redis.call('HDEL', ends, oldest)
    end
    for _, key in ipairs({notes, ends}) do
        if redis.call('PTTL', key) < life then redis.call('PEXPIRE', key, life) end
    end
end
