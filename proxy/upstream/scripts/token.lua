-- One refresher of a token, and what it got. The texts are sealed by the instances.
-- KEYS: 1 token: hash v fence refresh access until by born 2 lock: hash who till fence 3 fence:
-- counts the locks
-- ARGV: 1 operation 2 who 3..   get                                            {v, fence, refresh,
-- access, until, by}, v 0 without one   lock who ttl settle                            {1, fence,
-- v} it is yours, {0, ms, v} another's for so long, {-1, ms, v}
-- nothing is known here: state yours first, and wait so long   renew who ttl fence
-- {1 | 0}; an engine that came back empty learns of the lock   unlock who
-- {1 | 0}   put who v fence refresh access until by        {1 | 0, v}: written only if v follows
-- and the fence is not old   state who v fence refresh access until by      {1 | 0, v}: written if
-- v is newer than what is here
local op, who = ARGV[1], ARGV[2]
local v = tonumber(redis.call('HGET', KEYS[1], 'v') or 0)
local stored_fence = tonumber(redis.call('HGET', KEYS[1], 'fence') or 0)
local lock = redis.call('HMGET', KEYS[2], 'who', 'till')
local holder = lock[1] and tonumber(lock[2]) > now and lock[1] or nil
local KEPT = 90 * 86400000

local function hold_lock(ttl, fence)
  redis.call('HSET', KEYS[2], 'who', who)
  redis.call('HSET', KEYS[2], 'till', string.format('%.0f', now + ttl))
  redis.call('HSET', KEYS[2], 'fence', fence)
  redis.call('PEXPIRE', KEYS[2], ttl + 1000)
end

-- A fence is never given twice, whatever was forgotten.
local function fence_at_least(fence)
  if tonumber(redis.call('GET', KEYS[3]) or 0) < fence then redis.call('SET', KEYS[3], fence) end
  redis.call('PEXPIRE', KEYS[3], KEPT)
end

local function write(new_v, fence)
  local names = {'refresh', 'access', 'until', 'by'}
  redis.call('HSET', KEYS[1], 'v', new_v)
  redis.call('HSET', KEYS[1], 'fence', fence)
  for i, name in ipairs(names) do redis.call('HSET', KEYS[1], name, ARGV[4 + i]) end
  redis.call('PEXPIRE', KEYS[1], KEPT)
  fence_at_least(fence)
end

if op == 'get' then
  local h = redis.call('HMGET', KEYS[1], 'refresh', 'access', 'until', 'by')
  return {v, stored_fence, h[1] or '', h[2] or '', h[3] or '', h[4] or ''}
end
if op == 'unlock' then
  if holder ~= who then return {0} end
  redis.call('DEL', KEYS[2])
  return {1}
end
if op == 'renew' then
  local fence = tonumber(ARGV[4])
  if (holder and holder ~= who) or fence < stored_fence then return {0} end
  hold_lock(tonumber(ARGV[3]), fence)
  fence_at_least(fence)
  return {1}
end
if op == 'put' or op == 'state' then
  local new_v, fence = tonumber(ARGV[3]), tonumber(ARGV[4])
  local may = new_v > v
  if op == 'put' then may = new_v == v + 1 and fence >= stored_fence end
  if not may then return {0, v} end
  write(new_v, fence)
  return {1, new_v}
end
-- lock
local ttl, settle = tonumber(ARGV[3]), tonumber(ARGV[4])
local born = tonumber(redis.call('HGET', KEYS[1], 'born') or 0)
if born == 0 or born > now then
  born = now
  redis.call('HSET', KEYS[1], 'born', string.format('%.0f', now))
  redis.call('PEXPIRE', KEYS[1], KEPT)
end
if holder and holder ~= who then return {0, tonumber(lock[2]) - now, v} end
-- Somebody may be asking the provider at this moment, under a lock that was forgotten.
if not holder and now - born < settle then return {-1, settle - (now - born), v} end
local fence = tonumber(redis.call('INCR', KEYS[3]))
redis.call('PEXPIRE', KEYS[3], KEPT)
hold_lock(ttl, fence)
return {1, fence, v}
