-- Who is not written to.
--- @include "keys"
local SUPPRESSED, suppression, bounces_key, suppress, suppressed, bounce
do -- the rest is of this file alone

-- Who is not written to: addresses differ by more than the case of ASCII letters.
SUPPRESSED = P .. 'suppressed'
local BOUNCES, BOUNCE_WINDOW = 3, 14 * DAY -- so many refusals within this time, and the address is written to no more

function suppression(destination, address) return destination .. ' ' .. address:lower() end
function bounces_key(address) return P .. 'bounces:' .. redis.sha1hex(address:lower()) end

local anybody_suppressed = nil -- as far as this step knows

function suppress(destination, address, reason, detail)
  anybody_suppressed = true
  local entry = {reason = reason, at = now, address = address, detail = detail}
  return redis.call('HSETNX', SUPPRESSED, suppression(destination, address), cjson.encode(entry))
end

-- Why nothing may go there; nil if it may. essential: that its reader has unsubscribed does not count.
function suppressed(destination, address, essential)
  if anybody_suppressed == nil then anybody_suppressed = redis.call('EXISTS', SUPPRESSED) == 1 end
  if not anybody_suppressed then return nil end
  for _, entry in ipairs(redis.call('HMGET', SUPPRESSED, suppression(destination, address), suppression('*', address))) do
    local reason = entry and cjson.decode(entry).reason
    if reason and not (essential and reason == 'unsubscribed') then return reason end
  end
end

-- hard: there is no such address. soft: its server does not want this mail, which may pass.
function bounce(id, address, how, detail)
  local key = bounces_key(address)
  redis.call('ZADD', key, now, id)
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now - BOUNCE_WINDOW)
  redis.call('PEXPIRE', key, BOUNCE_WINDOW)
  if how == 'hard' or redis.call('ZCARD', key) >= BOUNCES then return suppress('*', address, 'bounced', detail) end
end

end
