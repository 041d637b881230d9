-- What is known to fail for everybody, and for how long.
--- @include "parking"

local function pause(request)
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

-- own: it was sent with a credential of its own, which says nothing about the channel's.
local function resume(channel, destination, address, own)
  local scopes = {'destination:' .. destination .. '/' .. address}
  if not own then scopes[2] = 'channel:' .. channel end
  for _, scope in ipairs(scopes) do
    if redis.call('DEL', P .. 'pause:' .. scope) == 1 then look_at(place_of(channel, scope)) end
  end
end

-- Long throttles end with what got through under them. Shorter ones end by the clock.
local function lift_holds(channel, calls)
  if redis.call('EXISTS', HOLDS) == 0 then return end
  for _, limit in ipairs(calls) do
    local scope = 'limit:' .. limit[1]
    if redis.call('SREM', HOLDS, scope) == 1 then
      redis.call('DEL', P .. 'pause:' .. scope)
      look_at(place_of(channel, scope))
    end
  end
end
