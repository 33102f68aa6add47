-- The heartbeat: what this instance holds, absolutely. What is missing is added, also beyond the
-- cap: it exists.
-- ARGV: 1 instance 2 boot 3 newest: the highest n that was used so far 4 ttl 5 cap 6 how many are
-- held 7.. members held, then members asked for and not answered yet
-- A call that arrives late must not take away what came after it: members that are newer are left
-- alone.
-- Returns {slots held; others that wait; epoch; cap in force}
local me, boot, newest, ttl = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local epoch = epoch_of(KEYS[4])
prune()
local mine = {}
for i = 7, #ARGV do
  if i - 6 <= tonumber(ARGV[6]) or redis.call('ZSCORE', KEYS[1], ARGV[i]) then
    keep(ARGV[i], ttl)
  end
  mine[ARGV[i]] = true
end
for _, m in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  if string.sub(m, 1, #me + 1) == me .. ':' and not mine[m] then
    local b, n = string.match(string.sub(m, #me + 2), '^(%x+):(%d+)$')
    if not b or b < boot or (b == boot and tonumber(n) <= newest) then
      redis.call('ZREM', KEYS[1], m)
    end
  end
end
redis.call('HSET', KEYS[5], me, string.format('%d %.0f', ARGV[5], now + ttl))
redis.call('PEXPIRE', KEYS[5], KEPT)
local cap = stated(tonumber(ARGV[5]))
return {redis.call('ZCARD', KEYS[1]), waiting(me), epoch, cap}
