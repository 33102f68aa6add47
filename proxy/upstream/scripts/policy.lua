-- What this engine does when its memory is full. Not every user may ask for it.
-- Returns its maxmemory-policy, or ''.
local info = redis.pcall('INFO', 'memory')
if type(info) ~= 'string' then return '' end
return string.match(info, 'maxmemory_policy:([%w%-]+)') or ''
