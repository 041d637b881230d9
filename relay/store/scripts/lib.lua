-- Put in front of every script. Time is Redis's own: workers' clocks never decide (ARGV[2] sets it in tests).
-- All keys carry the one hash tag in ARGV[1], so a script is one step on one node. relay/store/keys.py lists every
-- key and its type.
local P = ARGV[1]
local now = tonumber(ARGV[2])
if now == 0 then
  local t = redis.call('TIME')
  now = t[1] * 1000 + math.floor(t[2] / 1000)
end

local DAY = 86400000
local KEEP_OPERATION = 30 * DAY -- after its last event
local KEEP_DOCUMENTS = 3 * DAY -- after the outcome; then order and facts are left (trim.lua)
local LOG_LENGTH = 200

local LEDGER, LEASES, DEAD = P .. 'ledger', P .. 'leases', P .. 'dead'
local CHANNELS = P .. 'channels'

-- A script may put together what it counts and notes, and write it once at its end (accept.lua).
local counts, lines = nil, nil

local function count(field, by)
  if not counts then return redis.call('HINCRBY', LEDGER, field, by or 1) end
  counts[field] = (counts[field] or 0) + (by or 1)
end
local function delivery_key(id) return P .. 'delivery:' .. id end
local function lane_key(lane) return P .. 'lane:' .. lane end
-- The replies of a lane queue up beside it: an outcome that calls people waits for the message that it stands under,
-- and never for an edit of that. They share the lane's thread.
local REPLIES = '/replies'
local function replies_of(lane) return lane .. REPLIES end
local function is_replies(lane) return lane:sub(-#REPLIES) == REPLIES end
local function thread_key(lane) return P .. 'thread:' .. (is_replies(lane) and lane:sub(1, -#REPLIES - 1) or lane) end
local function operation_key(operation) return P .. 'operation:' .. operation end

-- The order in which what is due leaves: outcomes, stalled runs, failed phases, then everything else.
local URGENCIES = {'1', '2', '3', ''}
local QUEUES = {['1'] = ':urgent', ['2'] = ':stalled', ['3'] = ':phases', [''] = ''}
local URGENCY = {['1'] = 1, ['2'] = 2, ['3'] = 3, [''] = 4}
local function due_key(channel, urgency) return P .. 'due:' .. channel .. QUEUES[urgency] end

-- What waits for something that is broken (parked.lua). A set of its own for each channel and scope: id → created.
local PARKING = P .. 'parking'
local function parked_key(place) return P .. 'parked:' .. place end

local function leave_queues(id, channel, but)
  local place = redis.call('HGET', delivery_key(id), 'parked')
  if place then
    redis.call('ZREM', parked_key(place), id)
    redis.call('HDEL', delivery_key(id), 'parked')
  end
  for _, urgency in ipairs(URGENCIES) do
    if urgency ~= but then redis.call('ZREM', due_key(channel, urgency), id) end
  end
end

-- The runs that the watchdog looks at, and those that it has found stalled.
local WATCH, STALLED = P .. 'watch', P .. 'stalled'

-- The runs that are over, each with the time at which its documents go.
local OVER = P .. 'over'

local function look_now(operation) redis.call('ZADD', WATCH, now, operation) end

local function unwatch(operation)
  redis.call('ZREM', WATCH, operation)
  redis.call('SREM', STALLED, operation)
end

local function field(id, name) return redis.call('HGET', delivery_key(id), name) end

-- One line of what happened to an operation; `relay explain` reads it.
local function write_lines(operation, ...)
  local log = P .. 'log:' .. operation
  local length = redis.call('RPUSH', log, ...)
  if length > LOG_LENGTH then redis.call('LTRIM', log, -LOG_LENGTH, -1) end
  return length
end

local function note(operation, ...)
  local line = cjson.encode({now, ...})
  if lines then
    lines[operation] = lines[operation] or {}
    table.insert(lines[operation], line)
  elseif write_lines(operation, line) == 1 then
    redis.call('PEXPIRE', P .. 'log:' .. operation, KEEP_OPERATION)
  end
end

-- A digest or a round-up is of a window, and due by the calendar.
local BOXED = {digest = true, roundup = true}

-- When it is due, and that this was decided now.
local function set_due(id, due) redis.call('HSET', delivery_key(id), 'due', due, 'dated', now) end

-- When it is due. `dated` is when that was decided: what is now in the future was so before the clock was set back, and
-- what was left of the wait then begins now.
local function due_by_now(id, due, dated, kind)
  if dated <= now or BOXED[kind] then return due end
  set_due(id, due - (dated - now))
  return due - (dated - now)
end

local function due_of(id)
  local d = redis.call('HMGET', delivery_key(id), 'due', 'dated', 'kind')
  return due_by_now(id, tonumber(d[1]), tonumber(d[2] or '0'), d[3])
end

-- Whether the message that the replies of this lane stand under is still to come.
local function rootless(lane)
  if not is_replies(lane) then return false end
  local t = redis.call('HMGET', thread_key(lane), 'posted', 'waiting', 'flying')
  return not t[1] and (t[2] or t[3])
end

-- In a lane only the head is due, so order holds and one is in flight.
local function make_due(id)
  local d = redis.call('HMGET', delivery_key(id), 'channel', 'urgent', 'due', 'lane', 'lease', 'dated', 'kind')
  if not d[1] or d[5] ~= '' or redis.call('LINDEX', lane_key(d[4]), 0) ~= id then return end -- a leased one is not due
  if rootless(d[4]) then return leave_queues(id, d[1]) end
  leave_queues(id, d[1], d[2])
  redis.call('ZADD', due_key(d[1], d[2]), due_by_now(id, tonumber(d[3]), tonumber(d[6] or '0'), d[7]), id)
end

-- What is urgent and due soon overtakes a head whose next try is a while off, whatever that tells.
local OVERTAKEN = 5000 -- ms

local function let_urgent_pass(lane)
  local ids = redis.call('LRANGE', lane_key(lane), 0, 19)
  local head = ids[1] and redis.call('HMGET', delivery_key(ids[1]), 'lease', 'due', 'channel')
  if not ids[2] or not head[2] or head[1] ~= '' or tonumber(head[2]) <= now + OVERTAKEN then return end
  for i = 2, #ids do
    if field(ids[i], 'urgent') == '1' and due_of(ids[i]) <= now + OVERTAKEN then
      leave_queues(ids[1], head[3])
      redis.call('LREM', lane_key(lane), 1, ids[i])
      redis.call('LPUSH', lane_key(lane), ids[i])
      return make_due(ids[i])
    end
  end
end

-- A new delivery that is alone there is due by what it says; for all else its state is read. `new` has its fields.
local function join_lane(id, lane, new)
  local alone = redis.call('RPUSH', lane_key(lane), id) == 1
  if new and alone and not is_replies(lane) then
    redis.call('ZADD', due_key(new.channel, new.urgency), new.due, id)
    return
  end
  make_due(id)
  local head = field(id, 'urgent') == '1' and redis.call('LINDEX', lane_key(lane), 0)
  if head and field(head, 'name') ~= 'operation.progress' then let_urgent_pass(lane) end -- progress ends (accept.lua, hurry)
end

-- What became of this delivery, which showed as much as the first reply says: that goes now, be it told or not.
local function release_replies(id, lane)
  local head = not is_replies(lane) and redis.call('LINDEX', lane_key(replies_of(lane)), 0)
  if not head then return end
  local reply = redis.call('HMGET', delivery_key(head), 'seq', 'attempts')
  if reply[2] == '0' and tonumber(field(id, 'seq') or '-1') >= tonumber(reply[1]) then
    set_due(head, now)
  end
  make_due(head)
end

local function leave_lane(id, lane)
  redis.call('LREM', lane_key(lane), 1, id)
  local thread = thread_key(lane)
  for _, role in ipairs({'waiting', 'flying'}) do
    if redis.call('HGET', thread, role) == id then redis.call('HDEL', thread, role) end
  end
  local head = redis.call('LINDEX', lane_key(lane), 0)
  if head then make_due(head) end
  release_replies(id, lane)
end

-- These show what is so when they are sent: a newer one replaces an older one, and one that is repeated does no harm.
local function converges(kind) return kind == 'live' or kind == 'rolling' end

-- The delivery is over: its memory is freed, and the event's body with the last one that needed it.
local function forget(id)
  local d = redis.call('HMGET', delivery_key(id), 'channel', 'event', 'kind')
  if d[1] then leave_queues(id, d[1]) end
  redis.call('DEL', delivery_key(id))
  if d[3] == 'digest' or d[3] == 'roundup' then -- that it was sealed is known a while longer than anybody comes late
    redis.call('DEL', P .. 'entries:' .. id)
    redis.call('PEXPIRE', P .. 'box:' .. id, 3 * DAY)
  end
  if d[2] and d[2] ~= '' and redis.call('HINCRBY', P .. 'event:' .. d[2], 'refs', -1) <= 0 then
    redis.call('DEL', P .. 'event:' .. d[2])
  end
end

-- Who is not written to: addresses differ by more than the case of ASCII letters.
local SUPPRESSED = P .. 'suppressed'
local BOUNCES, BOUNCE_WINDOW = 3, 14 * DAY -- so many refusals within this time, and the address is written to no more

local function suppression(destination, address) return destination .. ' ' .. address:lower() end
local function bounces_key(address) return P .. 'bounces:' .. redis.sha1hex(address:lower()) end

local anybody_suppressed = nil -- as far as this step knows

local function suppress(destination, address, reason, detail)
  anybody_suppressed = true
  local entry = {reason = reason, at = now, address = address, detail = detail}
  return redis.call('HSETNX', SUPPRESSED, suppression(destination, address), cjson.encode(entry))
end

-- Why nothing may go there; nil if it may.
local function suppressed(destination, address)
  if anybody_suppressed == nil then anybody_suppressed = redis.call('EXISTS', SUPPRESSED) == 1 end
  if not anybody_suppressed then return nil end
  for _, entry in ipairs(redis.call('HMGET', SUPPRESSED, suppression(destination, address), suppression('*', address))) do
    if entry then return cjson.decode(entry).reason end
  end
end

-- hard: there is no such address. soft: its server does not want this mail, which may pass.
local function bounce(id, address, how, detail)
  local key = bounces_key(address)
  redis.call('ZADD', key, now, id)
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now - BOUNCE_WINDOW)
  redis.call('PEXPIRE', key, BOUNCE_WINDOW)
  if how == 'hard' or redis.call('ZCARD', key) >= BOUNCES then return suppress('*', address, 'bounced', detail) end
end

local function supersede(id, operation, destination, lane, why)
  count('pending', -1)
  count('superseded')
  note(operation, 'superseded', destination, why)
  leave_lane(id, lane)
  forget(id)
end

-- A live delivery that carries an outcome of its own (accept.lua, keep_outcome) and did not arrive: the message
-- belongs to the next run by now, so the outcome becomes one beside it.
local function speak_for_itself(id)
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
  end
  speak_for_itself(id)
  redis.call('HSET', delivery_key(id), 'reason', reason, 'error', error, 'died', now, 'lease', '', 'sending', '')
  redis.call('ZADD', DEAD, now, id)
  count('pending', -1)
  count('dead')
  count('buried:' .. reason)
  note(d[1], 'dead', d[2], reason, error)
  leave_lane(id, d[3])
end

-- What the superseded delivery has been through counts for the one that takes its place: otherwise a new event
-- during each attempt would mean attempts without end, and repeats without a bound.
local function inherit(heir, id, due)
  local was = redis.call('HMGET', delivery_key(id), 'attempts', 'unknowns', 'urgent')
  local is = redis.call('HMGET', delivery_key(heir), 'attempts', 'unknowns', 'urgent')
  -- An outcome need not wait for the back-off of the progress that it replaces.
  if not (is[3] == '1' and was[3] ~= '1') then
    set_due(heir, math.max(due_of(heir), due))
  end
  redis.call('HSET', delivery_key(heir), 'attempts', math.max(tonumber(was[1]), tonumber(is[1])),
             'unknowns', math.max(tonumber(was[2]), tonumber(is[2])))
end

-- Back into the queue. A live delivery behind which a newer one already waits has nothing left to say.
local function requeue(id, due)
  local d = redis.call('HMGET', delivery_key(id), 'kind', 'lane', 'operation', 'destination')
  redis.call('HSET', delivery_key(id), 'lease', '', 'sending', '', 'due', due, 'dated', now)
  if not speak_for_itself(id) and converges(d[1]) then
    local thread = thread_key(d[2])
    local heir = redis.call('HGET', thread, 'waiting')
    if heir then
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

local DELIVERY = {'operation', 'destination', 'channel', 'address', 'kind', 'name', 'lane', 'limits'}

local known_channels = {} -- in this step

-- spec: a table with the fields of DELIVERY, and event (the digest its body is kept under, '' for live),
-- urgent ('1' to '3' as in URGENCIES, or true for '1'), seq, due; passes: quiet hours, loud: the cap on new messages;
-- created, if its age does not count from now.
local function create(id, spec)
  -- An event that failed half-way is made again, under the same ids. What has left with less than it says is another.
  local was = redis.call('HMGET', delivery_key(id), 'lease', 'died')
  local again = was[1] == '' and not was[2]
  if was[1] and not again then return create(id .. '-again', spec) end
  local urgency = spec.urgent == true and '1' or spec.urgent or ''
  local row = {'event', spec.event, 'urgent', urgency, 'seq', spec.seq, 'due', spec.due,
               'created', spec.created or now, 'dated', now, 'attempts', 0, 'claims', 0, 'unknowns', 0, 'lease', '', 'sending', '',
               'passes', spec.passes and '1' or '', 'loud', spec.loud and '1' or ''}
  for _, name in ipairs(DELIVERY) do
    row[#row + 1] = name
    row[#row + 1] = spec[name]
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
