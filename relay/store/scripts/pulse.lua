#!lua flags=allow-oom
-- pulse: a sign of life. KEYS[1] the ledger. ARGV from 3: verb, arguments.
local verbs = {}

-- worker, lease (ms). What processes hold that gave none for long becomes due.
function verbs.beat(worker, lease_ms) pulse(worker, tonumber(lease_ms)) end

-- For whoever knows that no other process lives: all that is leased lapses now.
function verbs.alone()
  redis.call('DEL', PULSES)
  lapse()
end

return verbs[ARGV[3]](unpack(ARGV, 4))
