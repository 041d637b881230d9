-- What is for somebody whom the newest configuration does not have.
--- @include "parking"
--- @include "outcomes"

-- The newest configuration has no such destination, or not this address of it: perhaps a person was taken out. A newer
-- relay may have it, so this waits like anything that is paused: parked, with one that looks each minute. Three days
-- after the first of them it is a dead letter, here or by housekeeping (parking.lua).
local announced = redis.call('EXISTS', P .. 'destinations') == 1
local REMOVED_RECHECK, REMOVED_KEPT = 60000, 3 * DAY

local known_places = {} -- in this step

local function configured(d)
  local place, any = d.destination .. '\0' .. d.address, d.destination .. '\0*'
  if known_places[place] == nil then
    local row = redis.call('HMGET', P .. 'destinations', place, any)
    known_places[place] = (row[1] or row[2]) and true or false
  end
  return known_places[place]
end

-- The one address that its destination has now in this channel, where it never had several (destinations.py).
local function present_address(d) return redis.call('HGET', P .. 'destinations', d.destination .. '\0\0' .. d.channel) end

local ENDS = {['operation.completed'] = true, ['operation.failed'] = true, ['operation.cancelled'] = true,
              ['batch.completed'] = true}

-- It goes to the present address; what stands under a message at the old one does not. The live message of a run that
-- goes on waits: its next event begins one at the present address, and the outcome there makes this one obsolete.
local function moved(id, d)
  local address = not d.thread.posted and present_address(d)
  if not address then return false end
  if d.kind == 'live' and not ENDS[d.name] then
    if operation_record(d.operation):get('rank') ~= TERMINAL then return false end
    supersede(id, d.operation, d.destination, d.lane, 'the run is over')
    return true
  end
  for name in pairs(d.thread) do -- receipts of the old address
    if name:sub(1, 2) == 't:' then redis.call('HDEL', thread_key(d.lane), name) end
  end
  local box = P .. 'box:' .. d.lane
  if redis.call('EXISTS', box) == 1 then redis.call('HSET', box, 'address', address) end
  redis.call('HSET', delivery_key(id), 'address', address)
  redis.call('HDEL', delivery_key(id), 'removed')
  make_due(id)
  return true -- the next claim takes it there
end

local function removed(id, d, set)
  local scope = removed_scope(d.destination, d.address)
  local key = P .. 'pause:' .. scope
  if not announced or configured(d) then
    if not d.removed then return false end
    redis.call('HDEL', delivery_key(id), 'removed')
    if redis.call('DEL', key) == 1 then look_at(place_of(d.channel, scope)) end -- the others follow
    return false
  end
  if moved(id, d) then return true end
  if not d.removed then
    redis.call('HSET', delivery_key(id), 'removed', now)
    note(d.operation, 'waits', d.destination, 'destination_removed', d.address)
  end
  redis.call('HSETNX', key, 'since', now)
  local since = math.min(tonumber(redis.call('HGET', key, 'since')), now) -- the clock may have been set back
  local from = math.max(since, tonumber(d.created))
  redis.call('HSET', P .. 'removed', d.destination .. '\0' .. d.address, now)
  local till = now + REMOVED_RECHECK - RECHECK -- it is looked at `RECHECK` after that
  redis.call('HSET', key, 'until', till, 'at', now, 'since', since, 'reason', 'destination_removed', 'probe', 1)
  redis.call('PEXPIRE', key, 7 * DAY)
  if now - from > REMOVED_KEPT then
    bury_removed(id)
    return true
  end
  park(id, set, d.channel, scope, from, till)
  return true
end
