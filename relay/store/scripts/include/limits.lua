-- Rate limits.
--- @include "parking"

local blocked = {} -- per limit: how many of this scan wait for it, so that they queue up behind each other

local slots, spent = {}, {} -- as far as this step knows; of those that it has spent

-- Never before now; and where it is later than a full burst makes it, the clock was set back: it begins anew.
local function next_slot(limit)
  local at = slots[limit[1]]
  if not at then
    at = tonumber(redis.call('GET', P .. 'rate:' .. limit[1]) or '0')
    slots[limit[1]] = at
  end
  return at > now + limit[2] * limit[3] + 1 and now or math.max(at, now)
end

-- GCRA: `at` is when the limit's next free slot would be if all of its burst were used. The last `reserve` of the
-- burst are for outcomes: however many runs report their progress, an end is told at once.
local function limited(limit, urgency)
  local name, period, burst = limit[1], limit[2], limit[3] - (urgency == '1' and 0 or limit[4] or 0)
  local at = next_slot(limit)
  local wait = math.max(0, at - (burst - 1) * period - now)
  if wait == 0 then return 0 end
  blocked[name] = (blocked[name] or -1) + 1
  return wait + blocked[name] * period
end

local function spend(limit)
  slots[limit[1]] = next_slot(limit) + limit[2]
  spent[limit[1]] = true
end

local function write_spent()
  for name in pairs(spent) do
    redis.call('SET', P .. 'rate:' .. name, slots[name], 'PX', math.ceil(slots[name] - now) + 1000)
  end
end
