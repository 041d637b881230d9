-- Held failures: who is to hear of one waits a while (`hold_failure`), for a run that is begun anew meanwhile heals it.
--- @include "bundles"
--- @include "records"
local hold_failure, held_until, heal
do -- the rest is of this file alone

local MOST = 2 -- failures in a row that are held: of what fails again and again somebody is to hear

-- Which run makes a failure good, how many in a row were held by then, and what had gone wrong.
local function held_in_a_row(lane)
  local run, row = (redis.call('HGET', thread_key(lane), 'healed') or ''):match('^(%d+) (%d+) ')
  return tonumber(run), tonumber(row)
end

-- Until when a failure of this run is held; nil if not at all.
function held_until(target, run)
  if not target.hold then return nil end
  local of, row = held_in_a_row(target.lane)
  return (of ~= run or row < MOST) and now + target.hold or nil
end

-- Which delivery is held, and until when: the next run finds it by that.
function hold_failure(o, id, until_)
  o:set('holds', (o:get('holds') or '') .. string.format(' %s@%.0f', id, until_))
end

-- Nobody has begun to tell it, and it is not time yet.
local function is_held(d, until_)
  return d[1] and now < until_ and d[3] == '' and d[4] == '0' and not d[5]
end

local FIELDS = {'destination', 'lane', 'lease', 'attempts', 'died', 'kind', 'said'}

-- A new run begins. What was held of the failure before is not told; the end of this run says it (claim.lua), so its lane
-- keeps of which run that is, and what had gone wrong. Answers in which lanes that is so.
function heal(o, operation, run)
  local holds, healed = o:get('holds'), {}
  if not holds then return healed end
  o:set('holds', nil)
  local failed = o:number('retry')
  for id, until_ in holds:gmatch('(%S+)@(%d+)') do
    local d = redis.call('HMGET', delivery_key(id), unpack(FIELDS))
    if is_held(d, tonumber(until_)) then
      local thread = thread_key(d[2])
      local of, row = held_in_a_row(d[2])
      row = of == failed and row + 1 or 1
      redis.call('HSET', thread, 'healed', string.format('%d %d ', run, row) .. (d[7] or ''))
      if d[6] == 'live' then redis.call('HSET', thread, 'calls', '') end
      redis.call('PEXPIRE', thread, KEEP_OPERATION)
      move_to_bundle(id, {operation = operation, destination = d[1], lane = d[2]}, 'healed')
      healed[d[2]:match('^[^/]+')] = true
    end
  end
  return healed
end

end
