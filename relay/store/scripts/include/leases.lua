-- Leases that ran out.
--- @include "outcomes"

-- A lease ran out: its worker died or lost touch. Before the begin-marker nothing was sent. After it nobody
-- knows; an edit may be repeated freely, a new message once.
local function reap(id)
  redis.call('ZREM', LEASES, id)
  local d = redis.call('HMGET', delivery_key(id), 'sending', 'kind', 'lane', 'operation', 'destination', 'lease')
  if not d[2] then return end
  redis.call('HSET', delivery_key(id), 'lapsed', d[6]) -- its receipt may come yet
  note(d[4], 'lease lapsed', d[5], d[1] == '1' and 'outcome unknown' or 'not sent')
  if d[1] == '1' and not (converges(d[2]) and redis.call('HGET', thread_key(d[3]), 'posted')) then
    count('unknown_outcomes')
    if redis.call('HINCRBY', delivery_key(id), 'unknowns', 1) > 1 then
      return bury(id, 'outcome_unknown', 'two attempts ended without an answer; it may have arrived')
    end
  end
  requeue(id, now)
end
