-- Crowds: more is due than one claim looks at, and something is broken.
-- What waits for that is parked without a close look, which it gets when it comes back. So all of it has left the queue
-- in a moment, and the newest, which stand behind it, are looked at meanwhile.
--- @include "parking"
local PARKED_FROM = 1000 -- ms: a shorter pause is waited for in the queue
local paused, probe, probes_of, scopes_of, candidates
do -- the rest is of this file alone

local SCAN, NEWEST = 200, 50 -- so many are looked at closely, and so many of these are the newest
local MANY = 1000 -- so many are parked in one step: a claim stays quick

local pauses = {} -- as far as this step knows

function paused(scope)
  local it = pauses[scope]
  if not it then
    local till, probed = paused_until(scope)
    it = {wait = math.max(till - now, 0), probed = probed}
    pauses[scope] = it
  end
  return it.wait
end

-- The pause of something broken is over: one delivery goes ahead, and the others wait for its success, or so long.
function probe(scope, ms)
  if not pauses[scope].probed then return end
  redis.call('HSET', P .. 'pause:' .. scope, 'until', now + ms, 'at', now)
  pauses[scope].wait = ms
end

-- How many probes of it have failed; nil if it is not paused, or not probed.
function probes_of(scope) return pauses[scope] and pauses[scope].probed end

-- What must work for it to be sent, the widest first: above all nobody has paused its destination. limits: of the call that it would make.
function scopes_of(channel, destination, address, own, limits)
  local scopes = {'operator:' .. destination, channel_scope(channel, own), 'destination:' .. destination .. '/' .. address}
  for _, limit in ipairs(limits) do scopes[#scopes + 1] = 'limit:' .. limit[1] end
  return scopes
end

-- Where what is alike in these is parked: a place with its scope, the end of its pause and the ids; nil if nothing is
-- broken. Whether a live message would be an edit, and so which limits hold, is left to the close look.
local function place_for(places, channel, destination, address, kind, limits)
  local alike = table.concat({destination, address, converges(kind) and 'live' or '', limits}, '\0')
  if places[alike] == nil then
    places[alike] = false
    local readable, calls = pcall(cjson.decode, limits)
    local scopes = readable and scopes_of(channel, destination, address, calls.own, converges(kind) and {} or calls.new)
    for _, scope in ipairs(scopes or {}) do
      local wait = paused(scope)
      if wait > PARKED_FROM then places[alike] = {scope = scope, till = now + wait, ids = {}, created = {}} end
      if wait > 0 then break end
    end
  end
  return places[alike]
end

-- What a claim looks at closely. quiet: as of claim.lua; what may be bundled for that is not parked instead.
function candidates(set, channel, quiet)
  local ids = redis.call('ZRANGEBYSCORE', set, '-inf', now, 'LIMIT', 0, SCAN + 1)
  if #ids <= SCAN or redis.call('ZCARD', PARKING) == 0 then
    ids[SCAN + 1] = nil
    return ids
  end
  ids = redis.call('ZRANGEBYSCORE', set, '-inf', now, 'LIMIT', 0, MANY)
  local places, close, looked_at = {}, {}, {}
  for _, id in ipairs(ids) do
    local d = redis.call('HMGET', delivery_key(id), 'destination', 'address', 'kind', 'limits', 'created')
    local place = d[1] and not (quiet[d[1]] or quiet['*']) and place_for(places, channel, unpack(d, 1, 4))
    if place then
      place.ids[#place.ids + 1] = id
      place.created[#place.created + 1] = d[5]
    else
      close[#close + 1], looked_at[id] = id, true
      if #close == SCAN - NEWEST then break end
    end
  end
  for _, place in pairs(places) do
    if place then park_many(place.ids, set, channel, place.scope, place.created, place.till) end
  end
  for _, id in ipairs(redis.call('ZREVRANGEBYSCORE', set, now, '-inf', 'LIMIT', 0, NEWEST)) do
    if not looked_at[id] then close[#close + 1] = id end
  end
  return close
end

end
