//! What is done in one step, on Redis' side. Keys and values are binary; times are milliseconds.

/// Counts one more: gives the count and what is left of the window.
pub(super) const COUNTING: &str = "
local function count(counter, window)
    local n = redis.call('INCR', counter)
    local left = redis.call('PTTL', counter)
    if left < 0 then
        redis.call('PEXPIRE', counter, window)
        left = tonumber(window)
    end
    return n, left
end";

/// Remembers `what` among `notes`, and in `ends` when it vanishes.
pub(super) const NOTING: &str = "
local function note(notes, ends, what, now, life, most)
    redis.call('HSET', ends, what, string.format('%d', tonumber(now) + tonumber(life)))
    local last = redis.call('ZREVRANGE', notes, 0, 0, 'WITHSCORES')
    redis.call('ZADD', notes, last[2] and tonumber(last[2]) + 1 or 1, what)
    while redis.call('ZCARD', notes) > tonumber(most) do
        local oldest = redis.call('ZRANGE', notes, 0, 0)[1]
        redis.call('ZREM', notes, oldest)
        redis.call('HDEL', ends, oldest)
    end
    for _, key in ipairs({notes, ends}) do
        if redis.call('PTTL', key) < tonumber(life) then redis.call('PEXPIRE', key, life) end
    end
end";

/// Remembers a login among an account's offers: see `crate::offers`, which does the same. What is remembered of whose each is begins with 1 where it is shown to nobody.
pub(super) const OFFERING: &str = "
local function offer(notes, ends, shares, what, now, life, most, most_share, share, quiet)
    local all, mine = {}, 0
    for _, id in ipairs(redis.call('ZRANGE', notes, 0, -1)) do
        local until_ms = redis.call('HGET', ends, id)
        if until_ms and tonumber(until_ms) > tonumber(now) then
            local whose = redis.call('HGET', shares, id) or '0'
            all[#all + 1] = {id = id, quiet = string.sub(whose, 1, 1) == '1', share = string.sub(whose, 2)}
            if string.sub(whose, 2) == share then mine = mine + 1 end
        else
            redis.call('ZREM', notes, id)
            redis.call('HDEL', ends, id)
            redis.call('HDEL', shares, id)
        end
    end
    if mine >= tonumber(most_share) or #all >= tonumber(most) then
        local some, hushed = {}, {}
        for _, one in ipairs(all) do
            if mine < tonumber(most_share) or one.share == share then
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
    redis.call('HSET', ends, what, string.format('%d', tonumber(now) + tonumber(life)))
    redis.call('HSET', shares, what, (quiet and '1' or '0') .. share)
    local last = redis.call('ZREVRANGE', notes, 0, 0, 'WITHSCORES')
    redis.call('ZADD', notes, last[2] and tonumber(last[2]) + 1 or 1, what)
    for _, key in ipairs({notes, ends, shares}) do
        if redis.call('PTTL', key) < tonumber(life) then redis.call('PEXPIRE', key, life) end
    end
end";

/// KEYS: login, suspects, bus; each gate's counter; for each account its offers in their order, when they vanish, whose they are, the counter of what it is shown. ARGV:
/// body, life, now; how many suspects it comes from, those; whom to be wary of (empty: nobody); how many gates, for each its window, most, whether it is shut (1); note, its
/// life, most notes, most of one share, the share, window and most of what is shown; each account's wake (empty: none). Gives until when it stays out (0: it does not), what
/// became of the login (0 nothing, 1 made, 2 be wary), for each gate count and what is left of the window, for each account its count (0: shown nothing).
pub(super) const OPEN: &str = "
local nth_key, nth_arg = 0, 0
local function key()
    nth_key = nth_key + 1
    return KEYS[nth_key]
end
local function arg()
    nth_arg = nth_arg + 1
    return ARGV[nth_arg]
end
local login, out, bus = key(), key(), key()
local body, life, now = arg(), arg(), arg()
for _ = 1, tonumber(arg()) do
    local until_ms = redis.call('ZSCORE', out, arg())
    if until_ms and tonumber(until_ms) > tonumber(now) then return {tonumber(until_ms), 0, {}, {}} end
end
local wary = arg()
if wary ~= '' then
    local until_ms = redis.call('ZSCORE', out, wary)
    if until_ms and tonumber(until_ms) > tonumber(now) then return {0, 2, {}, {}} end
end
local quiet, counts = false, {}
for _ = 1, tonumber(arg()) do
    local window, most, shut = arg(), tonumber(arg()), arg()
    local n, left = count(key(), window)
    counts[#counts + 1] = n
    counts[#counts + 1] = left
    if n > most then
        if shut == '1' then return {0, 0, counts, {}} end
        quiet = true
    end
end
if redis.call('EXISTS', login) == 1 then return {0, 0, counts, {}} end
redis.call('HSET', login, 'v', '1', 'b', body)
redis.call('PEXPIRE', login, life)
local what, note_life, most_notes, most_share, share, window, most = arg(), arg(), arg(), arg(), arg(), arg(), tonumber(arg())
local shown = {}
while nth_arg < #ARGV do
    local notes, ends, shares, counter, wake = key(), key(), key(), key(), arg()
    local n = 0
    if not quiet then n = count(counter, window) end
    local show = not quiet and n <= most
    offer(notes, ends, shares, what, now, note_life, most_notes, most_share, share, not show)
    if show and wake ~= '' then redis.call('PUBLISH', bus, wake) end
    shown[#shown + 1] = n
end
return {0, 1, counts, shown}";

/// KEYS: login, bus, the account's claims in their order, when they vanish. ARGV: from, to, body, wake (empty: none), note, now, life, most. Gives 0 missing, 1 stale with
/// what is there, 2 done.
pub(super) const CLAIM: &str = "
local there = redis.call('HMGET', KEYS[1], 'v', 'b')
if not there[1] then return {0, 0, ''} end
if there[1] ~= ARGV[1] then return {1, tonumber(there[1]), there[2]} end
redis.call('HSET', KEYS[1], 'v', ARGV[2], 'b', ARGV[3])
note(KEYS[3], KEYS[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8])
if ARGV[4] ~= '' then redis.call('PUBLISH', KEYS[2], ARGV[4]) end
return {2, 0, ''}";

/// KEYS: login, bus. ARGV: to, body, wake, life after settling.
pub(super) const SETTLE: &str = "
local v = redis.call('HGET', KEYS[1], 'v')
if v and tonumber(v) < tonumber(ARGV[1]) then
    redis.call('HSET', KEYS[1], 'v', ARGV[1], 'b', ARGV[2])
    if redis.call('PTTL', KEYS[1]) > tonumber(ARGV[4]) then redis.call('PEXPIRE', KEYS[1], ARGV[4]) end
end
if ARGV[3] ~= '' then redis.call('PUBLISH', KEYS[2], ARGV[3]) end
return 0";

/// KEYS: notes in their order, when they vanish. ARGV: now. Gives what has not vanished, in order.
pub(super) const NOTES: &str = "
local found = {}
for _, note in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
    local until_ms = redis.call('HGET', KEYS[2], note)
    if until_ms and tonumber(until_ms) > tonumber(ARGV[1]) then
        found[#found + 1] = note
    else
        redis.call('ZREM', KEYS[1], note)
        redis.call('HDEL', KEYS[2], note)
    end
end
return found";

/// KEYS: the account's arrival, bus, where it is. ARGV: life, wake without its version (empty: none), the pod (empty: not said),
/// now in microseconds. Gives the number of this arrival: the time, but always more than the last. Numbers that were counted
/// would begin anew with a Redis that has lost them, and every newcomer would look old.
pub(super) const ARRIVE: &str = "
local nth = tonumber(ARGV[4])
local last = tonumber(redis.call('GET', KEYS[1]) or '0')
if nth <= last then nth = last + 1 end
redis.call('SET', KEYS[1], string.format('%d', nth), 'PX', ARGV[1])
if ARGV[3] ~= '' then redis.call('SET', KEYS[3], string.format('%d', nth) .. ':' .. ARGV[3], 'PX', ARGV[1]) end
if ARGV[2] ~= '' then redis.call('PUBLISH', KEYS[2], ARGV[2] .. struct.pack('>I8', nth)) end
return nth";

/// KEYS: where accounts are. ARGV: where they were; who has come again since is left alone.
pub(super) const DEPART: &str = "
for i, key in ipairs(KEYS) do
    if redis.call('GET', key) == ARGV[i] then redis.call('DEL', key) end
end
return 0";

/// KEYS: counter. ARGV: window. Gives the count and what is left of the window.
pub(super) const COUNT: &str = "
return {count(KEYS[1], ARGV[1])}";

/// KEYS: members. ARGV: member, window, most. Gives how many there are.
pub(super) const DISTINCT: &str = "
if redis.call('SCARD', KEYS[1]) < tonumber(ARGV[3]) then redis.call('SADD', KEYS[1], ARGV[1]) end
if redis.call('PTTL', KEYS[1]) < 0 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return redis.call('SCARD', KEYS[1])";

/// KEYS: suspects. ARGV: one, now. Gives until when, or 0.
pub(super) const QUARANTINED: &str = "
local until_ms = redis.call('ZSCORE', KEYS[1], ARGV[1])
if until_ms and tonumber(until_ms) > tonumber(ARGV[2]) then return tonumber(until_ms) end
return 0";

/// KEYS: suspects. ARGV: one, until, now, life.
pub(super) const QUARANTINE: &str = "
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[3])
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[4]) then redis.call('PEXPIRE', KEYS[1], ARGV[4]) end
return 0";
