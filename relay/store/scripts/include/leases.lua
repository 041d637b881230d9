-- Leases that ran out.
--- @include "outcomes"

-- A lease ran out: its worker died or lost touch. Before the begin-marker nothing was sent. After it nobody
-- knows: an edit may be repeated freely, of a new message its channel is asked first, where that can tell.
local function reap(id)
  redis.call('ZREM', LEASES, id)
  local d = redis.call('HMGET', delivery_key(id), 'sending', 'kind', 'lane', 'operation', 'destination', 'lease')
  if not d[2] then return end
  redis.call('HSET', delivery_key(id), 'lapsed', d[6]) -- its receipt may come yet
  note(d[4], 'lease lapsed', d[5], d[1] == '1' and 'outcome unknown' or 'not sent')
  if d[1] == '1' and not (converges(d[2]) and redis.call('HGET', thread_key(d[3]), 'posted')) then
    doubt(id)
  end
  requeue(id, now)
end
