-- Asks for a slot. Asked again for the same member, the answer is the same.
-- ARGV: 1 instance 2 member 3 cap 4 ttl 5 settle 6 patience: how long a place in the queue lasts 7
-- expected: so many instances are known 8 timeout: of one question 9 prefix of the channels 10 what
-- is said there; times in ms
-- Who begins to wait is made known to the instances that hold a slot: an idle session of theirs
-- goes at once.
-- Returns {1 granted, 0 not yet, -1 settling; others that wait; epoch; slots held; cap in force}
local me, member, ttl = ARGV[1], ARGV[2], tonumber(ARGV[4])
local epoch = epoch_of(KEYS[4])
prune()
local cap, here = stated(tonumber(ARGV[3]))
local function answer(verdict)
  return {verdict, waiting(me), epoch, redis.call('ZCARD', KEYS[1]), cap}
end
if redis.call('ZSCORE', KEYS[1], member) then
  keep(member, ttl)
  return answer(1)
end
-- Born a moment ago: everybody states first what he holds.
local age = now - tonumber(epoch)
if age < tonumber(ARGV[5]) and (here < tonumber(ARGV[7]) or age < tonumber(ARGV[8])) then
  return answer(-1)
end
-- First come, first served: those that wait before me have their slots already.
local room = cap - redis.call('ZCARD', KEYS[1])
local ahead = redis.call('ZRANK', KEYS[2], me) or redis.call('ZCARD', KEYS[2])
if room > ahead then
  keep(member, ttl)
  leave_queue(me)
  return answer(1)
end
if redis.call('ZADD', KEYS[2], 'NX', now, me) == 1 then
  local told = {}
  for _, m in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
    local holder = string.match(m, '^([^:]*)')
    if holder ~= me and not told[holder] then redis.call('PUBLISH', ARGV[9] .. holder, ARGV[10]) end
    told[holder] = true
  end
end
redis.call('HSET', KEYS[3], me, string.format('%.0f', now + ARGV[6]))
redis.call('PEXPIRE', KEYS[2], KEPT)
redis.call('PEXPIRE', KEYS[3], KEPT)
return answer(0)
