-- Parking: what waits for something broken.
-- A delivery whose channel, destination or limit is paused for long leaves the queue, so that nobody looks at it again
-- and again. {relay}:parking says when to look at each place: at the end of its pause, or at once when that is lifted.
--- @include "outcomes"
local RECHECK = 1000 -- ms; a place whose probe was lost sends the next one after so long

local HOLDS = P .. 'holds' -- the limits that are throttled for long

-- When it ends, 0 if there is none, and, if it is probed then, how many probes have failed. Where the clock was set back since
-- it was written, what was left of it begins now.
local function paused_until(scope)
  local key = P .. 'pause:' .. scope
  local p = redis.call('HMGET', key, 'until', 'at', 'probe', 'probes')
  local till, at = tonumber(p[1] or '0'), tonumber(p[2] or '0')
  local probes = p[3] and (p[4] or '0')
  if at <= now then return till, probes end
  redis.call('HSET', key, 'until', till - (at - now), 'at', now)
  return till - (at - now), probes
end

local function place_of(channel, scope) return channel .. ' ' .. scope end

-- What fails there fails for the whole channel, or for the host that an address has a credential of its own for: all such
-- hosts are one where an older relay did not say which.
local function channel_scope(channel, own)
  return 'channel:' .. channel .. (own and '@' .. tostring(own) or '')
end

local STRETCH = 1000 -- so many go into one command

-- When it is looked at again: a channel's probe is among what is parked, another one stays in the queue and goes first.
local function recheck_at(scope, till) return scope:match('^channel:') and till or till + RECHECK end

-- created: of each of them.
local function park_many(ids, set, channel, scope, created, till)
  local place, fails = place_of(channel, scope), scope:match('^channel:') or scope:match('^destination:')
  local urgent = set == due_key(channel, '1')
  for first = 1, #ids, STRETCH do
    local last, rows = math.min(first + STRETCH - 1, #ids), {}
    for i = first, last do
      rows[#rows + 1], rows[#rows + 2] = created[i], ids[i]
      redis.call('HSET', delivery_key(ids[i]), 'parked', place)
      if fails then redis.call('HSETNX', delivery_key(ids[i]), 'failing', now) end
    end
    redis.call('ZREM', set, unpack(ids, first, last))
    redis.call('ZADD', parked_key(place), unpack(rows))
    if urgent then redis.call('ZADD', urgent_key(place), unpack(rows)) end
  end
  redis.call('ZADD', PARKING, 'LT', recheck_at(scope, till), place)
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

local reopen_places
do -- the rest is of this file alone

local CHUNK = 500 -- so many come back in one step: a claim stays quick
local REPEAT = 900000 -- ms between two probes with one message that may have arrived, where others wait
local PROBERS = 100 -- so many are looked at for the next probe

local function bring_back(place, ids)
  for _, id in ipairs(ids) do
    redis.call('ZREM', urgent_key(place), id)
    if redis.call('ZREM', parked_key(place), id) == 1 then -- an older relay leaves what it took from there among the urgent
      redis.call('HDEL', delivery_key(id), 'parked')
      set_due(id, now) -- it was due when it was parked
      make_due(id)
    end
  end
end

-- Those that go next, the urgent ones first, each the oldest first.
local function next_parked(place)
  local ids = redis.call('ZRANGE', urgent_key(place), 0, CHUNK - 1)
  return ids[1] and ids or redis.call('ZRANGE', parked_key(place), 0, CHUNK - 1)
end

-- The one to probe with: what has not failed yet, or longest ago, for it may be the message that makes the channel fail;
-- and none that may have arrived just now.
local function next_probe(place)
  local ids, best, least = redis.call('ZRANGE', parked_key(place), 0, PROBERS - 1), nil, math.huge
  for _, id in ipairs(ids) do
    local sent, failed = field(id, 'repeated'), tonumber(field(id, 'failed') or '0')
    if (not sent or sent + REPEAT <= now) and failed < least then best, least = id, failed end
  end
  return {best or ids[1]}
end

-- The pause is over, or it is time for a probe.
local function reopen(place)
  local scope = place:match('^%S+ (.*)$')
  local till, probe = paused_until(scope)
  if till > now then return redis.call('ZADD', PARKING, recheck_at(scope, till), place) end
  bring_back(place, probe and next_probe(place) or next_parked(place))
  if redis.call('EXISTS', parked_key(place)) == 0 then return redis.call('ZREM', PARKING, place) end
  redis.call('ZADD', PARKING, probe and now + RECHECK or 0, place)
end

function reopen_places()
  for _, place in ipairs(redis.call('ZRANGEBYSCORE', PARKING, '-inf', now, 'LIMIT', 0, 10)) do reopen(place) end
end

end
