-- Deliveries: made, joined to their lane, and forgotten.
--- @include "ledger"
--- @include "lanes"
--- @include "history"
--- @include "watched"

-- These show what is so when they are sent: a newer one replaces an older one, and one that is repeated does no harm.
local function converges(kind) return kind == 'live' or kind == 'rolling' end

-- The delivery is over: its memory is freed, and the event's body with the last one that needed it.
-- event, kind: its own, of one that a worker holds, which is in no queue.
local function forget(id, event, kind)
  if not kind then
    local d = redis.call('HMGET', delivery_key(id), 'channel', 'event', 'kind')
    event, kind = d[2], d[3]
    if d[1] then leave_queues(id, d[1]) end
  end
  local gone = {delivery_key(id)}
  if kind == 'digest' or kind == 'roundup' then -- that it was sealed is known a while longer than anybody comes late
    gone[2] = P .. 'entries:' .. id
    redis.call('PEXPIRE', P .. 'box:' .. id, 3 * DAY)
  end
  if event and event ~= '' and redis.call('HINCRBY', P .. 'event:' .. event, 'refs', -1) <= 0 then
    gone[#gone + 1] = P .. 'event:' .. event
  end
  redis.call('DEL', unpack(gone))
end

local create
do

local DELIVERY = {'operation', 'destination', 'channel', 'address', 'kind', 'name', 'lane', 'limits'}

local SELDOM = {'alone', 'cause', 'row', 'said', 'doubted', 'raised'}

local known_channels = {} -- in this step

-- spec: a table with the fields of DELIVERY, and event (the digest its body is kept under, '' for live),
-- urgent ('1' to '3' as in URGENCIES), seq, due; passes: quiet hours, and with 2 also an unsubscription; loud: the cap on new messages;
-- alone: the live message does not tell it; cause, row: of causes.lua, said: of holds.lua; unknowns: as many attempts at
-- its message may have arrived already, since doubted; created, if
-- its age does not count from now; raised: of a recovery, when its alarm was.
function create(id, spec)
  -- An event that failed half-way is made again, under the same ids. What has left with less than it says is another.
  local was = redis.call('HMGET', delivery_key(id), 'lease', 'died')
  local again = was[1] == '' and not was[2]
  if was[1] and not again then return create(id .. '-again', spec) end
  local urgency = spec.urgent or ''
  local row = {'event', spec.event, 'urgent', urgency, 'seq', spec.seq, 'due', spec.due,
               'created', spec.created or now, 'dated', now, 'attempts', 0, 'claims', 0, 'unknowns', spec.unknowns or 0,
               'lease', '', 'sending', '',
               'passes', spec.passes == 2 and '2' or spec.passes and '1' or '', 'loud', spec.loud and '1' or ''}
  for _, name in ipairs(DELIVERY) do
    row[#row + 1] = name
    row[#row + 1] = spec[name]
  end
  for _, name in ipairs(SELDOM) do
    if spec[name] then
      row[#row + 1] = name
      row[#row + 1] = spec[name] == true and 1 or spec[name]
    end
  end
  redis.call('HSET', delivery_key(id), unpack(row))
  if not known_channels[spec.channel] then redis.call('SADD', CHANNELS, spec.channel) end
  known_channels[spec.channel] = true
  count('accepted')
  count(again and 'superseded' or 'pending')
  if converges(spec.kind) then redis.call('HSET', thread_key(spec.lane), 'waiting', id) end
  if again and redis.call('LPOS', lane_key(spec.lane), id) then return make_due(id) end
  join_lane(id, spec.lane, {channel = spec.channel, urgency = urgency, due = spec.due})
end

end

-- What all deliveries of a live message have in common; kept with its thread, for one that is made without an event.
-- `where` has destination, channel, address, limits, passes and loud.
local function standing_of(operation, kind, lane, where)
  return cmsgpack.pack(operation, where.destination, where.channel, where.address, kind, lane, where.limits, where.passes,
                       where.loud)
end

local function spec_from(standing)
  local spec = {event = ''}
  spec.operation, spec.destination, spec.channel, spec.address, spec.kind, spec.lane, spec.limits, spec.passes, spec.loud =
    cmsgpack.unpack(standing)
  return spec
end

-- An attempt ended without an answer, so its message may have arrived. doubted, repeated: when the first and the last of
-- these were marked.
local function doubt(id)
  local key = delivery_key(id)
  local d = redis.call('HMGET', key, 'marked', 'name', 'operation', 'lane', 'created')
  local marked = d[1] or now
  count('unknown_outcomes')
  record_alarm_sent({name = d[2], operation = d[3], lane = d[4], created = d[5]}) -- whatever becomes of it: who may have it hears its end
  redis.call('HINCRBY', key, 'unknowns', 1)
  redis.call('HSETNX', key, 'doubted', marked)
  redis.call('HSET', key, 'repeated', marked)
end

-- The first message of a lane may have arrived, and its delivery leaves: whatever begins the message anew says so.
local function keep_doubt(id, lane)
  local d = redis.call('HMGET', delivery_key(id), 'kind', 'unknowns', 'doubted', 'created')
  if not converges(d[1]) or tonumber(d[2]) == 0 then return end
  local t = redis.call('HMGET', thread_key(lane), 'posted', 'waiting')
  if t[1] then return end
  local since = d[3] or d[4]
  redis.call('HSET', thread_key(lane), 'doubt', since)
  redis.call('PEXPIRE', thread_key(lane), KEEP_OPERATION)
  if t[2] and t[2] ~= id and field(t[2], 'unknowns') == '0' then
    redis.call('HSET', delivery_key(t[2]), 'unknowns', 1, 'doubted', since)
  end
end

local function supersede(id, operation, destination, lane, why)
  keep_doubt(id, lane)
  count('pending', -1)
  count('superseded')
  note(operation, 'superseded', destination, why)
  -- Of a message that is kept true nothing ended: its newer state is told.
  if not (why == 'newer state' and converges(field(id, 'kind'))) then record_end(id, 'superseded', why) end
  leave_lane(id, lane)
  forget(id)
end
