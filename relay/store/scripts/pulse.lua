#!lua flags=allow-oom
-- pulse: a sign of life. KEYS[1] the ledger. ARGV from 3: verb, arguments.
--- @include "pulses"
--- @include "letters"
local verbs = {}

local SET_BACK = 5000 -- ms; less than that, and waiting is simpler

-- worker, lease (ms), epoch. What processes hold that gave none for long becomes due. Answers the ms by which the clock was set
-- back since the last sign of anybody, 0 if it was not.
-- Then whose data this is: where it is not what it was, somebody has deleted everything. Then the partitions for which
-- letters wait (letters.lua).
function verbs.beat(worker, lease_ms, epoch)
  local latest = tonumber(redis.call('HGET', P .. 'ticks', 'latest') or '0')
  local step = latest - now > SET_BACK and latest - now or 0
  if step > 0 then step_back(step) end
  redis.call('HSET', P .. 'ticks', 'latest', now)
  pulse(worker, tonumber(lease_ms))
  redis.call('SET', P .. 'epoch', epoch, 'NX')
  return {step, redis.call('GET', P .. 'epoch'), unpack(redis.call('SMEMBERS', POSTING))}
end

-- For whoever knows that no other process lives: all that is leased lapses now.
function verbs.alone()
  redis.call('DEL', PULSES)
  lapse()
end

return verbs[ARGV[3]](unpack(ARGV, 4))
