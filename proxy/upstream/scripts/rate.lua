-- An exact sliding window. KEYS: 1 zset, member "instance:boot:n" -> when it was granted
-- ARGV: 1 limit 2 period ms 3 how many are given back 4 how many are stated again 5.. members given back, then pairs of a
-- member and its age in ms, then members wanted
-- Returns {how many of those wanted are granted: the first ones; ms until the next place, 0 if all are}
local limit, period, at = tonumber(ARGV[1]), tonumber(ARGV[2]), 5
for _ = 1, tonumber(ARGV[3]) do
  redis.call('ZREM', KEYS[1], ARGV[at])
  at = at + 1
end
for _ = 1, tonumber(ARGV[4]) do
  redis.call('ZADD', KEYS[1], 'NX', string.format('%.0f', now - ARGV[at + 1]), ARGV[at])
  at = at + 2
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('(%.0f', now - period))
local n, granted = redis.call('ZCARD', KEYS[1]), 0
for i = at, #ARGV do
  if not redis.call('ZSCORE', KEYS[1], ARGV[i]) then
    if n >= limit then break end
    redis.call('ZADD', KEYS[1], now, ARGV[i])
    n = n + 1
  end
  granted = granted + 1
end
redis.call('PEXPIRE', KEYS[1], period + 1000)
if granted == #ARGV - at + 1 then return {granted, 0} end
-- The place is free when so many have left that fewer than the limit remain.
local oldest = redis.call('ZRANGE', KEYS[1], n - limit, n - limit, 'WITHSCORES')
return {granted, oldest[2] + period - now + 1}
