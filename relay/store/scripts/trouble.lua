#!lua flags=allow-oom
-- trouble: what is wrong with relay itself, as its processes remember it together. What it means, relay/policy/notices.py
-- says; here it is a text that one of them may replace by another.
-- KEYS[1] the ledger. ARGV from 3: verb, arguments.
--- @include "keys"
local verbs = {}

local TROUBLES, TICKS = P .. 'troubles', P .. 'ticks'

-- Which parts of the work this process does (between spaces). Answers the time, the text, and how long ago (ms) any
-- process did each of these parts that was ever done.
function verbs.look(parts)
  for part in parts:gmatch('%S+') do redis.call('HSET', TICKS, 'doing:' .. part, now) end
  local t = redis.call('HMGET', TICKS, 'doing:receive', 'doing:deliver')
  return {now, redis.call('GET', TROUBLES) or '', t[1] and now - t[1] or '', t[2] and now - t[2] or ''}
end

-- Of two that replace the same text, one does.
function verbs.keep(was, becomes)
  if (redis.call('GET', TROUBLES) or '') ~= was then return 0 end
  redis.call('SET', TROUBLES, becomes)
  return 1
end

-- For one process in each period.
function verbs.turn(name, period)
  local last = tonumber(redis.call('HGET', TICKS, 'turn:' .. name) or '0')
  if last <= now and now - last < tonumber(period) then return 0 end
  redis.call('HSET', TICKS, 'turn:' .. name, now)
  return 1
end

return verbs[ARGV[3]](unpack(ARGV, 4))
