-- When somebody is to look at a channel again.
--- @include "queues"

-- The ms until the next delivery of this channel is due, or a place that waits is to be looked at; '' for never.
local function next_due(channel)
  local wait = ''
  local function look(set)
    local first = redis.call('ZRANGE', set, 0, 0, 'WITHSCORES')
    if first[2] and (wait == '' or tonumber(first[2]) - now < wait) then
      wait = math.max(0, math.ceil(tonumber(first[2]) - now))
    end
  end
  for _, urgency in ipairs(URGENCIES) do look(due_key(channel, urgency)) end
  look(PARKING)
  return wait
end
