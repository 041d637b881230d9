-- Parking: what waits for something broken. Behind lib.lua in front of every script.
-- A delivery whose channel, destination or limit is paused for long leaves the queue, so that nobody looks at it again
-- and again. {relay}:parking says when to look at each place: at the end of its pause, or at once when that is lifted.
local CHUNK = 500 -- so many come back in one step: a claim stays quick
local RECHECK = 1000 -- ms; a place whose probe was lost sends the next one after so long

local HOLDS = P .. 'holds' -- the limits that are throttled for long

local function place_of(channel, scope) return channel .. ' ' .. scope end

local function park(id, set, channel, scope, created, till)
  local place = place_of(channel, scope)
  redis.call('ZREM', set, id)
  redis.call('ZADD', parked_key(place), created, id)
  redis.call('HSET', delivery_key(id), 'parked', place)
  redis.call('ZADD', PARKING, 'NX', till + RECHECK, place) -- later than the probe, which stays in the queue
end

local function look_at(place) redis.call('ZADD', PARKING, 'XX', 0, place) end

local function bring_back(place, most)
  for _, id in ipairs(redis.call('ZRANGE', parked_key(place), 0, most - 1)) do
    redis.call('ZREM', parked_key(place), id)
    redis.call('HDEL', delivery_key(id), 'parked')
    make_due(id)
  end
end

-- The pause is over, or it is time for a probe.
local function reopen(place)
  local p = redis.call('HMGET', P .. 'pause:' .. place:match('^%S+ (.*)$'), 'until', 'probe')
  local till = tonumber(p[1] or '0')
  if till > now then return redis.call('ZADD', PARKING, till + RECHECK, place) end
  bring_back(place, p[2] and 1 or CHUNK)
  if redis.call('EXISTS', parked_key(place)) == 0 then return redis.call('ZREM', PARKING, place) end
  redis.call('ZADD', PARKING, p[2] and now + RECHECK or 0, place)
end

local function reopen_places()
  for _, place in ipairs(redis.call('ZRANGEBYSCORE', PARKING, '-inf', now, 'LIMIT', 0, 10)) do reopen(place) end
end
