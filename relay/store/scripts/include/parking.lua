-- Parking: what waits for something broken.
-- A delivery whose channel, destination or limit is paused for long leaves the queue, so that nobody looks at it again
-- and again. {relay}:parking says when to look at each place: at the end of its pause, or at once when that is lifted.
--- @include "outcomes"
local CHUNK = 500 -- so many come back in one step: a claim stays quick
local RECHECK = 1000 -- ms; a place whose probe was lost sends the next one after so long

local HOLDS = P .. 'holds' -- the limits that are throttled for long

-- When it ends, 0 if there is none, and whether it is probed then. Where the clock was set back since it was written, what was left of it begins now.
local function paused_until(scope)
  local key = P .. 'pause:' .. scope
  local p = redis.call('HMGET', key, 'until', 'at', 'probe')
  local till, at = tonumber(p[1] or '0'), tonumber(p[2] or '0')
  if at <= now then return till, p[3] end
  redis.call('HSET', key, 'until', till - (at - now), 'at', now)
  return till - (at - now), p[3]
end

local function place_of(channel, scope) return channel .. ' ' .. scope end

local STRETCH = 1000 -- so many go into one command

-- created: of each of them.
local function park_many(ids, set, channel, scope, created, till)
  local place = place_of(channel, scope)
  for first = 1, #ids, STRETCH do
    local last, rows = math.min(first + STRETCH - 1, #ids), {}
    for i = first, last do
      rows[#rows + 1], rows[#rows + 2] = created[i], ids[i]
      redis.call('HSET', delivery_key(ids[i]), 'parked', place)
    end
    redis.call('ZREM', set, unpack(ids, first, last))
    redis.call('ZADD', parked_key(place), unpack(rows))
  end
  redis.call('ZADD', PARKING, 'LT', till + RECHECK, place) -- later than the probe, which stays in the queue
end

local function park(id, set, channel, scope, created, till) park_many({id}, set, channel, scope, {created}, till) end

-- What waits because the newest configuration does not have whom it is for (removed.lua).
local REMOVED = 'removed:'
local function removed_scope(destination, address) return REMOVED .. destination .. '/' .. address end

local function bury_removed(id)
  local d = redis.call('HMGET', delivery_key(id), 'destination', 'address')
  bury(id, 'destination_removed', 'the newest configuration has no ' .. d[1] .. ' with ' .. d[2])
end

local function look_at(place) redis.call('ZADD', PARKING, 'XX', 0, place) end

local function bring_back(place, most)
  for _, id in ipairs(redis.call('ZRANGE', parked_key(place), 0, most - 1)) do
    redis.call('ZREM', parked_key(place), id)
    redis.call('HDEL', delivery_key(id), 'parked')
    set_due(id, now) -- it was due when it was parked
    make_due(id)
  end
end

-- The pause is over, or it is time for a probe.
local function reopen(place)
  local scope = place:match('^%S+ (.*)$')
  local till, probe = paused_until(scope)
  if till > now then return redis.call('ZADD', PARKING, till + RECHECK, place) end
  bring_back(place, probe and 1 or CHUNK)
  if redis.call('EXISTS', parked_key(place)) == 0 then return redis.call('ZREM', PARKING, place) end
  redis.call('ZADD', PARKING, probe and now + RECHECK or 0, place)
end

local function reopen_places()
  for _, place in ipairs(redis.call('ZRANGEBYSCORE', PARKING, '-inf', now, 'LIMIT', 0, 10)) do reopen(place) end
end
