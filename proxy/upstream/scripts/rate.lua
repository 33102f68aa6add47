-- An exact sliding window. KEYS: 1 zset, member "instance:boot:n" -> when it was granted 2 epoch of
-- the account
-- ARGV: 1 limit 2 period ms 3 settle ms 4 how many are given back 5 how many are stated again 6..
-- members given back, then pairs of a member and its age in ms, then members wanted
-- While the epoch is younger than `settle`, everybody states first what was granted before, and
-- nothing is granted.
-- Returns {how many of those wanted are granted: the first ones; ms until the next place, 0 if all
-- are}
local limit, period, at = tonumber(ARGV[1]), tonumber(ARGV[2]), 6
local age = now - tonumber(epoch_of(KEYS[2]))
for _ = 1, tonumber(ARGV[4]) do
  redis.call('ZREM', KEYS[1], ARGV[at])
  at = at + 1
end
for _ = 1, tonumber(ARGV[5]) do
  redis.call('ZADD', KEYS[1], 'NX', string.format('%.0f', now - ARGV[at + 1]), ARGV[at])
  at = at + 2
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('(%.0f', now - period))
local n, granted = redis.call('ZCARD', KEYS[1]), 0
for i = at, #ARGV do
  if not redis.call('ZSCORE', KEYS[1], ARGV[i]) then
    if n >= limit or age < tonumber(ARGV[3]) then break end
    redis.call('ZADD', KEYS[1], now, ARGV[i])
    n = n + 1
  end
  granted = granted + 1
end
redis.call('PEXPIRE', KEYS[1], period + 1000)
if granted == #ARGV - at + 1 then return {granted, 0} end
if n < limit then return {granted, ARGV[3] - age} end
-- The place is free when so many have left that fewer than the limit remain.
local oldest = redis.call('ZRANGE', KEYS[1], n - limit, n - limit, 'WITHSCORES')
return {granted, oldest[2] + period - now + 1}
