-- The runs that the watchdog looks at, and those that are over.
--- @include "keys"

-- The runs that the watchdog looks at, and those that it has found stalled.
local WATCH, STALLED = P .. 'watch', P .. 'stalled'

-- The runs that are over, each with the time at which its documents go.
local OVER = P .. 'over'

local function check_now(operation) redis.call('ZADD', WATCH, now, operation) end

local function unwatch(operation)
  redis.call('ZREM', WATCH, operation)
  redis.call('SREM', STALLED, operation)
end
