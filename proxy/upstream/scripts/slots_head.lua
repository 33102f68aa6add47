-- Stands in front of take, hold and give.
-- KEYS: 1 slots: zset, member -> expiry. 2 queue: zset, instance -> arrival. 3 places: hash,
-- instance -> expiry of its place in the queue. 4 epoch: when these keys were born. 5 caps: hash,
-- instance -> "cap expiry"
-- A member is "instance:boot:n": boot is of fixed width and grows with each start, n grows with
-- each session.
-- What is kept longer than any lease is rubbish.
local KEPT, LONGEST = 1200000, 600000

local function prune()
  redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
  redis.call('ZREMRANGEBYSCORE', KEYS[1], string.format('(%.0f', now + LONGEST), '+inf')
  for _, q in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
    local till = tonumber(redis.call('HGET', KEYS[3], q) or 0)
    if till <= now or till > now + LONGEST then
      redis.call('ZREM', KEYS[2], q)
      redis.call('HDEL', KEYS[3], q)
    end
  end
end

-- The smallest cap that a living instance states, mine included, and how many have stated one.
local function stated(mine)
  local least, n = mine, 0
  local all = redis.call('HGETALL', KEYS[5])
  for i = 1, #all, 2 do
    local cap, till = string.match(all[i + 1], '^(%d+) (%d+)$')
    if tonumber(till) <= now then
      redis.call('HDEL', KEYS[5], all[i])
    else
      n = n + 1
      least = math.min(least, tonumber(cap))
    end
  end
  return least, n
end

-- How many other instances wait.
local function waiting(me)
  return redis.call('ZCARD', KEYS[2]) - (redis.call('ZSCORE', KEYS[2], me) and 1 or 0)
end

local function keep(member, ttl)
  redis.call('ZADD', KEYS[1], now + ttl, member)
  redis.call('PEXPIRE', KEYS[1], KEPT)
end

local function leave_queue(me)
  redis.call('ZREM', KEYS[2], me)
  redis.call('HDEL', KEYS[3], me)
end
