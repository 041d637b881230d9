-- The runs that the watchdog looks at, and those that are over.
--- @include "records"

-- The runs that the watchdog looks at, those that it has found stalled, and those that have not begun, each with its job.
local WATCH, STALLED, MISSING = P .. 'watch', P .. 'stalled', P .. 'missing'

-- The runs that are over, each with the time at which its documents go.
local OVER = P .. 'over'

local function check_now(operation) redis.call('ZADD', WATCH, now, operation) end

-- When an alarm of the run arrived in this lane, or became part of what is sent there together: only then is its
-- recovery sent there (claim.lua). Of a lane and its replies the name is one.
local function alarm_field(lane) return 'alarm:' .. lane:match('^[^/]+') end

local function record_alarm_sent(d)
  local o = d.name == 'operation.stalled' and operation_record(d.operation)
  if o and o:get('state') then
    o:set(alarm_field(d.lane), math.max(now, tonumber(d.created or '0'))) -- the clock may have been set back since
    o:write()
  end
end

local function unwatch(operation)
  redis.call('ZREM', WATCH, operation)
  redis.call('SREM', STALLED, operation)
end
