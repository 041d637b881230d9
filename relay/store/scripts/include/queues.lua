-- The queues of what is due, and when that is.
--- @include "keys"

-- The order in which what is due leaves: outcomes, stalled runs, failed phases, then everything else.
local URGENCIES = {'1', '2', '3', ''}
local QUEUES = {['1'] = ':urgent', ['2'] = ':stalled', ['3'] = ':phases', [''] = ''}
local URGENCY = {['1'] = 1, ['2'] = 2, ['3'] = 3, [''] = 4}
local function due_key(channel, urgency) return P .. 'due:' .. channel .. QUEUES[urgency] end

-- What waits for something that is broken (parking.lua). A set of its own for each channel and scope: id → created.
local PARKING = P .. 'parking'
local function parked_key(place) return P .. 'parked:' .. place end
local function urgent_key(place) return P .. 'urgent:' .. place end -- those of them that are urgent

local function leave_queues(id, channel, but)
  local place = redis.call('HGET', delivery_key(id), 'parked')
  if place then
    redis.call('ZREM', parked_key(place), id)
    redis.call('ZREM', urgent_key(place), id)
    redis.call('HDEL', delivery_key(id), 'parked')
  end
  for _, urgency in ipairs(URGENCIES) do
    if urgency ~= but then redis.call('ZREM', due_key(channel, urgency), id) end
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
