-- May this secret be tried? One key for each secret, so that the refusal of an old one never stops
-- a new one.
-- KEYS: 1 hash: state (trying, ok, refused), till, failures, who
-- ARGV: 1 ask, ok, refused or leave 2 who asks 3 ms: ask: how long it tries; ok: how long that
-- counts; refused: the first wait 4 refused: the longest wait
-- Returns {2 known to work: go, 1 it is for you to try, 0 somebody tries, -1 refused; ms to wait;
-- failures in a row}
local op, who, ms = ARGV[1], ARGV[2], tonumber(ARGV[3])
local h = redis.call('HMGET', KEYS[1], 'state', 'till', 'failures', 'who')
local state, till, failures, holder = h[1] or 'new', tonumber(h[2] or 0), tonumber(h[3] or 0), h[4]
local over = till <= now

local function become(new, lasts, fails, by)
  redis.call('HSET', KEYS[1], 'state', new)
  redis.call('HSET', KEYS[1], 'till', string.format('%.0f', now + lasts))
  redis.call('HSET', KEYS[1], 'failures', fails)
  redis.call('HSET', KEYS[1], 'who', by)
  -- How often it failed is remembered for a day.
  redis.call('PEXPIRE', KEYS[1], lasts + 86400000)
end

if op == 'ok' then
  become('ok', ms, 0, who)
  return {2, 0, 0}
end
if op == 'refused' then
  -- Two that knew it to work may hear the same refusal: one step, not two.
  if state ~= 'refused' or over then
    failures = failures + 1
    local step = math.min(ms * 2 ^ math.min(failures - 1, 30), tonumber(ARGV[4]))
    become('refused', step, failures, who)
    till = now + step
  end
  return {-1, till - now, failures}
end
if op == 'leave' then
  if state == 'trying' and holder == who then become('left', 0, failures, '') end
  return {0, 0, failures}
end
if state == 'ok' and not over then return {2, 0, 0} end
if state == 'refused' and not over then return {-1, till - now, failures} end
if state == 'trying' and not over and holder ~= who then return {0, till - now, failures} end
become('trying', ms, failures, who)
return {1, 0, failures}
