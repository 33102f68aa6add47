-- Gives a slot back, and tells the instance that waits longest. The message may be lost: it asks
-- again each second.
-- ARGV: 1 instance 2 member 3 prefix of the channels 4 what is said there
-- Returns how many others wait.
prune()
redis.call('ZREM', KEYS[1], ARGV[2])
local first = redis.call('ZRANGE', KEYS[2], 0, 0)
if first[1] then redis.call('PUBLISH', ARGV[3] .. first[1], ARGV[4]) end
return waiting(ARGV[1])
