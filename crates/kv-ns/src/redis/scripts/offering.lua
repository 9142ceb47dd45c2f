-- Stores a login among the offers of an account, as `crate::offers` does in memory. `to` names the
-- keys: the offers in their order, the times at which they expire, and their initiators. An
-- initiator's entry begins with 1 when the offer is shown to nobody, and with 0 otherwise.
local function offer(to, a, quiet)
    local notes, ends, shares = KEYS[to.offers], KEYS[to.ends], KEYS[to.shares]
    local all, mine = {}, 0
    for _, id in ipairs(redis.call('ZRANGE', notes, 0, -1)) do
        local until_ms = redis.call('HGET', ends, id)
        if until_ms and tonumber(until_ms) > a.now then
            local whose = redis.call('HGET', shares, id) or '0'
            all[#all + 1] = {id = id, quiet = string.sub(whose, 1, 1) == '1', share = string.sub(whose, 2)}
            if string.sub(whose, 2) == a.share then mine = mine + 1 end
        else
            redis.call('ZREM', notes, id)
            redis.call('HDEL', ends, id)
            redis.call('HDEL', shares, id)
        end
    end
    if mine >= a.most_share or #all >= a.most_notes then
        local some, hushed = {}, {}
        for _, one in ipairs(all) do
            if mine < a.most_share or one.share == a.share then
                some[#some + 1] = one
                if one.quiet then hushed[#hushed + 1] = one end
            end
        end
        if #hushed == 0 and quiet then return end
        if #hushed > 0 then some = hushed end
        local counts, fullest, victim = {}, 0, nil
        for _, one in ipairs(some) do
            counts[one.share] = (counts[one.share] or 0) + 1
            if counts[one.share] > fullest then fullest = counts[one.share] end
        end
        for _, one in ipairs(some) do
            if not victim and counts[one.share] == fullest then victim = one.id end
        end
        redis.call('ZREM', notes, victim)
        redis.call('HDEL', ends, victim)
        redis.call('HDEL', shares, victim)
    end
    redis.call('HSET', ends, a.login, string.format('%d', a.now + a.note_life))
    redis.call('HSET', shares, a.login, (quiet and '1' or '0') .. a.share)
    local last = redis.call('ZREVRANGE', notes, 0, 0, 'WITHSCORES')
    redis.call('ZADD', notes, last[2] and tonumber(last[2]) + 1 or 1, a.login)
    for _, key in ipairs({notes, ends, shares}) do
        if redis.call('PTTL', key) < a.note_life then redis.call('PEXPIRE', key, a.note_life) end
    end
end
