#!lua flags=allow-oom
-- parking: what waits for something broken, or for a channel that is gone, is told together where it is too much, and
-- given up in the end.
-- KEYS[1] the ledger. ARGV from 3: verb, arguments. Answers with how many that was done; `most` of them, and there are more.
--- @include "parking"
--- @include "removed"
--- @include "backlog"
local verbs = {}

-- All places are to be looked at: pauses were lifted.
function verbs.look()
  for _, place in ipairs(redis.call('ZRANGE', PARKING, 0, -1)) do look_at(place) end
  return 0
end

-- A configuration was announced: what waits for whom it has goes on at once, and what waits for an address that it does
-- not have leaves for the present one (removed.lua). Between the reload of a file with a new
-- destination and this, a claim may have parked what was accepted for it.
function verbs.announced()
  local done = 0
  for _, place in ipairs(redis.call('ZRANGE', PARKING, 0, -1)) do
    local channel, scope = place:match('^(%S+) (.*)$')
    local kind, destination, address = scope:match('^(%l+:)([^/]*)/(.*)$')
    local d = {destination = destination, address = address, channel = channel}
    local here = destination and configured(d)
    if kind == REMOVED and (here or present_address(d)) or kind == 'destination:' and not here then
      redis.call('DEL', P .. 'pause:' .. scope)
      redis.call('HDEL', P .. 'removed', destination .. '\0' .. address)
      look_at(place)
      done = done + 1
    end
  end
  return done
end

-- A destination that a person pauses, for `ms` or '' for no end. It is a scope of its own: no success lifts it, no probe
-- is sent, and a reload leaves it. A second one takes the place of the first.
local function look_behind(scope)
  for _, place in ipairs(redis.call('ZRANGE', PARKING, 0, -1)) do
    if place:match('^%S+ (.*)$') == scope then look_at(place) end
  end
end

local FOR_EVER = 36500 * DAY

function verbs.pause(name, ms, reason, by)
  local key = P .. 'pause:operator:' .. name
  redis.call('DEL', key)
  redis.call('HSET', key, 'until', now + (tonumber(ms) or FOR_EVER), 'at', now, 'since', now, 'reason', reason,
    'by', by, 'ends', tonumber(ms) and 1 or 0)
  if tonumber(ms) then redis.call('PEXPIRE', key, tonumber(ms) + 1000) end
  redis.call('SADD', P .. 'paused', name)
  look_behind('operator:' .. name) -- the new end may be the earlier one
  return 1
end

function verbs.resume(name)
  local was = redis.call('DEL', P .. 'pause:operator:' .. name)
  redis.call('SREM', P .. 'paused', name)
  look_behind('operator:' .. name)
  return was
end

-- What has failed, or waited for what fails, for more than max_age (ms), the oldest of each place first. What a person
-- paused comes back by itself.
function verbs.expire(max_age, most)
  local done = 0
  for _, place in ipairs(redis.call('ZRANGE', PARKING, 0, -1)) do
    local scope = place:match('^%S+ (.*)$')
    local reason = redis.call('HGET', P .. 'pause:' .. scope, 'reason') or 'what it waited for was paused'
    local paused, gone = scope:match('^operator:'), scope:sub(1, #REMOVED) == REMOVED
    local age = gone and REMOVED_KEPT or tonumber(max_age)
    local old = paused and {} or redis.call('ZRANGEBYSCORE', parked_key(place), '-inf', now - age, 'LIMIT', 0, most - done)
    for _, id in ipairs(old) do
      if gone then
        bury_removed(id)
        done = done + 1
      elseif now - (field(id, 'failing') or 0) > age then
        bury(id, 'paused_too_long', reason)
        done = done + 1
      end
    end
  end
  return done
end

-- So many wait in each place; the oldest of the others go into a round-up. LOOKED: where none of these can, they wait.
local LOOKED = 2000
function verbs.gather(kept, most)
  local done = 0
  for _, place in ipairs(redis.call('ZRANGE', PARKING, 0, -1)) do
    local excess = math.min(redis.call('ZCARD', parked_key(place)) - kept, most - done)
    for _, id in ipairs(excess > 0 and redis.call('ZRANGE', parked_key(place), 0, LOOKED - 1) or {}) do
      if excess <= 0 then break end
      if move_to_backlog(id) then done, excess = done + 1, excess - 1 end
    end
  end
  return done
end

-- Whether anything of this channel is still to come: behind what was given up, parked, or held by a process.
local function remains(channel)
  for _, urgency in ipairs(URGENCIES) do
    if redis.call('EXISTS', due_key(channel, urgency)) == 1 then return true end
  end
  for _, place in ipairs(redis.call('ZRANGE', PARKING, 0, -1)) do
    if place:match('^%S+') == channel then return true end
  end
  for _, id in ipairs(redis.call('ZRANGE', LEASES, 0, -1)) do
    if field(id, 'channel') == channel then return true end
  end
  return false
end

-- Of a channel that is no longer configured, so that nobody claims from its queues. Without any it is forgotten.
function verbs.removed(channel, max_age, most)
  local done = 0
  for _, urgency in ipairs(URGENCIES) do
    local set = due_key(channel, urgency)
    for _, id in ipairs(redis.call('ZRANGEBYSCORE', set, '-inf', now - max_age, 'LIMIT', 0, most - done)) do
      bury(id, 'channel_removed', 'the configuration has no channels.' .. channel .. ' any more')
      redis.call('ZREM', set, id)
      done = done + 1
    end
  end
  if not remains(channel) then redis.call('SREM', CHANNELS, channel) end
  return done
end

return verbs[ARGV[3]](unpack(ARGV, 4))
