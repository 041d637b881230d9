-- What is known to fail for everybody, and for how long.
--- @include "parking"
--- @include "state"
--- @include "suppressions"

local throttled = nil -- whether any limit is for long, and
local resumed = {} -- what was lifted; as far as this step knows

local pause
do -- the rest is of `pause` alone

local WITNESS = 60000 -- ms within which another message has to fail as well, before a channel counts as broken

-- Whether a failure that may be the message's own pauses its channel: where that is paused already, or with the second.
local function is_witnessed(scope, lane)
  if redis.call('EXISTS', P .. 'pause:' .. scope) == 1 then return true end
  local last = redis.call('HMGET', P .. 'state:' .. scope, 'failed', 'by', 'works')
  return last[1] and last[2] ~= lane and now - last[1] <= WITNESS and tonumber(last[3] or '0') <= tonumber(last[1])
end

-- Whether the delivery is parked then, and comes back with the others, also where what it waits for ends before its time.
-- request.deaf: its channel did not even answer without a message; request.probing: it went ahead of the others.
function pause(request, d)
  local parks = false
  throttled, resumed = nil, {}
  for _, p in ipairs(request.pauses or {}) do
    local of_channel = p.scope:match('^channel:')
    if not p.witnessed or is_witnessed(p.scope, d.lane) then
      local ms = math.min(p.ms, DAY) -- whatever the other side asks for
      local key, till = P .. 'pause:' .. p.scope, now + ms
      local was = math.min(paused_until(p.scope), now + DAY)
      redis.call('HSET', key, 'until', math.max(till, p.probe and 0 or was), 'reason', p.reason, 'at', now)
      redis.call('HSETNX', key, 'since', now)
      if p.probe then redis.call('HSET', key, 'probe', 1) end
      if p.probe and p.scope:match('^limit:') then redis.call('SADD', HOLDS, p.scope) end
      if of_channel and request.probing then redis.call('HINCRBY', key, 'probes', 1) end
      redis.call('PEXPIRE', key, ms + 7 * DAY)
      if not p.probe then redis.call('PEXPIRE', key, math.max(till, was) - now + 1000) end
      parks = parks or p.probe and (of_channel or p.scope:match('^limit:')) and true
    end
    if of_channel and request.deaf then redis.call('HSET', P .. 'state:' .. p.scope, 'deaf', now) end
  end
  return parks
end

end

-- What got through says that all it needs works, and that this address takes it (suppressions.lua, bounce).
-- own: the host that it was sent to with a credential of its own, which says nothing about the channel's.
local function resume(channel, destination, address, own)
  local scopes, lifted = {'destination:' .. destination .. '/' .. address, channel_scope(channel, own)}, {}
  record_success(scopes)
  for _, scope in ipairs(scopes) do
    if not resumed[scope] then lifted[#lifted + 1] = P .. 'pause:' .. scope end
    resumed[scope] = true
  end
  if not lifted[1] then return end
  lifted[#lifted + 1] = bounces_key(address)
  if redis.call('DEL', unpack(lifted)) == 0 then return end
  for _, scope in ipairs(scopes) do look_at(place_of(channel, scope)) end
end

-- Long throttles end with what got through under them. Shorter ones end by the clock.
local function lift_holds(channel, calls)
  if throttled == nil then throttled = redis.call('EXISTS', HOLDS) == 1 end
  if not throttled then return end
  for _, limit in ipairs(calls) do
    local scope = 'limit:' .. limit[1]
    if redis.call('SREM', HOLDS, scope) == 1 then
      redis.call('DEL', P .. 'pause:' .. scope)
      look_at(place_of(channel, scope))
    end
  end
end
