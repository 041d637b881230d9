-- What is known to fail for everybody, and for how long.
--- @include "parking"
--- @include "state"
--- @include "suppressions"

local throttled = nil -- whether any limit is for long, and
local resumed = {} -- what was lifted; as far as this step knows

local function pause(request)
  throttled, resumed = nil, {}
  for _, p in ipairs(request.pauses or {}) do
    local ms = math.min(p.ms, DAY) -- whatever the other side asks for
    local key, till = P .. 'pause:' .. p.scope, now + ms
    local was = math.min(paused_until(p.scope), now + DAY)
    redis.call('HSET', key, 'until', math.max(till, p.probe and 0 or was), 'reason', p.reason, 'at', now)
    redis.call('HSETNX', key, 'since', now)
    if p.probe then redis.call('HSET', key, 'probe', 1) end
    if p.probe and p.scope:match('^limit:') then redis.call('SADD', HOLDS, p.scope) end
    redis.call('PEXPIRE', key, ms + 7 * DAY)
    if not p.probe then redis.call('PEXPIRE', key, math.max(till, was) - now + 1000) end
  end
end

-- It is parked then, and comes back with the others, also where the throttle is lifted before its time.
local function held_long(request)
  for _, p in ipairs(request.pauses or {}) do
    if p.probe and p.scope:match('^limit:') then return true end
  end
  return false
end

-- What got through says that all it needs works, and that this address takes it (suppressions.lua, bounce).
-- own: it was sent with a credential of its own, which says nothing about the channel's.
local function resume(channel, destination, address, own)
  local scopes, lifted = {'destination:' .. destination .. '/' .. address}, {}
  if not own then scopes[2] = 'channel:' .. channel end
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
