#!lua
-- repeats: how often an operation's events were dropped because they were known. What nobody knows any more stays unknown.
-- KEYS[1] the ledger. ARGV from 3: three each: operation, the event's name and its source, how often. Answers how many were
-- written down.
--- @include "keys"
local done = 0
for i = 3, #ARGV, 3 do
  local key, field = operation_key(ARGV[i]), 'again:' .. ARGV[i + 1]
  local type_ = redis.call('TYPE', key).ok
  if type_ == 'hash' then
    local before = (redis.call('HGET', key, field) or ''):match('^%d+') or 0
    redis.call('HSET', key, field, string.format('%.0f %.0f', before + ARGV[i + 2], now))
    done = done + 1
  end
end
return done
