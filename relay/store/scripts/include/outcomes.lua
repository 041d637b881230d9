-- What becomes of a delivery that did not arrive: it is tried again, or buried.
--- @include "deliveries"
--- @include "letters"
--- @include "records"

-- A live delivery that carries an outcome of its own (reports.lua, detach_outcomes) and did not arrive: the message
-- belongs to the next run by now, so the outcome becomes one beside it.
local function detach_outcome(id)
  local d = redis.call('HMGET', delivery_key(id), 'kind', 'event', 'lane')
  if d[1] ~= 'live' or d[2] == '' then return false end
  redis.call('HSET', delivery_key(id), 'kind', 'reply', 'alone', 1)
  if redis.call('HGET', thread_key(d[3]), 'flying') == id then redis.call('HDEL', thread_key(d[3]), 'flying') end
  return true
end

local function bury(id, reason, error)
  local d = redis.call('HMGET', delivery_key(id), 'operation', 'destination', 'lane', 'channel', 'kind')
  leave_queues(id, d[4])
  -- What it would show when it is replayed is made from the operation's documents.
  if d[5] == 'live' and redis.call('EXISTS', operation_key(d[1])) == 1 then
    redis.call('HSET', operation_key(d[1]), 'buried', now)
    local home = operation_record(d[1]):get('away')
    if home then post(home, 'buried', {d[1]}) end
    redis.call('HSET', thread_key(d[3]), 'dead', id) -- the next run leaves it the outcome of this one (reports.lua)
    redis.call('PEXPIRE', thread_key(d[3]), KEEP_OPERATION)
  end
  keep_doubt(id, d[3])
  detach_outcome(id)
  redis.call('HSET', delivery_key(id), 'reason', reason, 'error', error, 'died', now, 'lease', '', 'sending', '')
  redis.call('ZADD', DEAD, now, id)
  count('pending', -1)
  count('dead')
  count('buried:' .. reason)
  note(d[1], 'dead', d[2], reason, error)
  record_end(id, 'dead', reason, error)
  leave_lane(id, d[3])
end

local requeue
do

-- Of its failures that were its channel's: how many, when the first and the last; and when what may have arrived was sent.
local TROUBLE = {'faults', 'failing', 'failed', 'doubted', 'repeated'}

-- What the superseded delivery has been through counts for the one that takes its place: otherwise a new event
-- during each attempt would mean attempts without end, and repeats without a bound.
local function inherit(heir, id, due)
  local was = redis.call('HMGET', delivery_key(id), 'attempts', 'unknowns', 'urgent', unpack(TROUBLE))
  local is = redis.call('HMGET', delivery_key(heir), 'attempts', 'unknowns', 'urgent')
  -- An outcome need not wait for the back-off of the progress that it replaces.
  if not (is[3] == '1' and was[3] ~= '1') then
    set_due(heir, math.max(due_of(heir), due))
  end
  redis.call('HSET', delivery_key(heir), 'attempts', math.max(tonumber(was[1]), tonumber(is[1])),
             'unknowns', math.max(tonumber(was[2]), tonumber(is[2])))
  for i, name in ipairs(TROUBLE) do
    if was[i + 3] then redis.call('HSET', delivery_key(heir), name, was[i + 3]) end
  end
end

-- Back into the queue. A live delivery behind which a newer one already waits has nothing left to say.
function requeue(id, due)
  local d = redis.call('HMGET', delivery_key(id), 'kind', 'lane', 'operation', 'destination')
  redis.call('HSET', delivery_key(id), 'lease', '', 'sending', '', 'due', due, 'dated', now)
  if not detach_outcome(id) and converges(d[1]) then
    local thread = thread_key(d[2])
    local heir = redis.call('HGET', thread, 'waiting')
    if heir and heir ~= id then
      inherit(heir, id, due)
      return supersede(id, d[3], d[4], d[2], 'newer state')
    end
    redis.call('HSET', thread, 'waiting', id)
    redis.call('HDEL', thread, 'flying')
  end
  make_due(id)
  let_urgent_pass(d[2])
  release_replies(id, d[2])
end

end
