-- Makes a login unless something prevents it; `Open` in open.rs describes the argument. Returns the
-- time until which the initiator is locked out (0: it is not), the result (0: no login was made, 1:
-- it was made, 2: the login must be careful), for each gate the count and what is left of the
-- window, and for each account its count (0: nothing is shown).
local a = cmsgpack.unpack(ARGV[1])
local function stays_out(suspect)
    local until_ms = redis.call('ZSCORE', KEYS[a.suspects], suspect)
    return until_ms and tonumber(until_ms) > a.now and tonumber(until_ms)
end
for _, suspect in ipairs(a.from) do
    local until_ms = stays_out(suspect)
    if until_ms then return {until_ms, 0, {}, {}} end
end
if a.wary ~= '' and stays_out(a.wary) then return {0, 2, {}, {}} end
local quiet, counts = false, {}
for _, gate in ipairs(a.gates) do
    local n, left = count(KEYS[gate.counter], gate.window)
    counts[#counts + 1] = n
    counts[#counts + 1] = left
    if n > gate.most then
        if gate.shut then return {0, 0, counts, {}} end
        quiet = true
    end
end
local record = KEYS[a.record]
if redis.call('EXISTS', record) == 1 then return {0, 0, counts, {}} end
redis.call('HSET', record, 'v', '1', 'b', a.body)
redis.call('PEXPIRE', record, a.life)
local shown = {}
for _, to in ipairs(a.to) do
    local n = 0
    if not quiet then n = count(KEYS[to.counter], a.shown_window) end
    local show = not quiet and n <= a.most_shown
    offer(to, a, not show)
    if show and to.wake ~= '' then redis.call('PUBLISH', KEYS[a.channel], to.wake) end
    shown[#shown + 1] = n
end
return {0, 1, counts, shown}
