-- The instances that are there. It writes, so it also proves that the engine takes what is written.
-- KEYS: 1 zset, instance -> expiry 2 hash, instance -> "since boot word"
-- ARGV: 1 here, gone or look 2 instance 3 ttl 4 boot 5 word: what the cluster key makes of a known
-- text
-- Returns the boot of another process that has this instance's name, or '', and then of each
-- instance: name, age in ms, boot, word
local op, me, boot = ARGV[1], ARGV[2], ARGV[4]
local other = ''
local since, old_boot, old_word
if op ~= 'look' then
  for _, m in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now)) do
    redis.call('ZREM', KEYS[1], m)
    redis.call('HDEL', KEYS[2], m)
  end
  since, old_boot = string.match(redis.call('HGET', KEYS[2], me) or '', '^(%d+) (%x+) ')
  if old_boot and old_boot ~= boot then other = old_boot end
end
if op == 'here' then
  if not since or other ~= '' then since = string.format('%.0f', now) end
  redis.call('ZADD', KEYS[1], now + ARGV[3], me)
  redis.call('HSET', KEYS[2], me, since .. ' ' .. boot .. ' ' .. ARGV[5])
  redis.call('PEXPIRE', KEYS[1], 1200000)
  redis.call('PEXPIRE', KEYS[2], 1200000)
elseif op == 'gone' and other == '' then
  redis.call('ZREM', KEYS[1], me)
  redis.call('HDEL', KEYS[2], me)
end
local all = {other}
for _, m in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], string.format('(%.0f', now), '+inf')) do
  local old = redis.call('HGET', KEYS[2], m) or ''
  since, old_boot, old_word = string.match(old, '^(%d+) (%x+) (%x*)$')
  if since then
    all[#all + 1] = m
    all[#all + 1] = string.format('%.0f', now - since)
    all[#all + 1] = old_boot
    all[#all + 1] = old_word
  end
end
return all
