-- Stands in front of every script. The clock is the engine's, in milliseconds.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

-- Since when this account's keys are there. Another epoch than before tells an instance that the
-- engine came back empty. A clock that was set back begins one, too.
local function epoch_of(key)
  local e = redis.call('GET', key)
  if not e or tonumber(e) > now then
    e = string.format('%.0f', now)
    redis.call('SET', key, e)
  end
  redis.call('PEXPIRE', key, 86400000)
  return e
end
