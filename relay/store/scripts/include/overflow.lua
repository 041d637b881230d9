-- New messages above the cap: the runs in a list that one rolling message shows.
--- @include "bundles"
local refresh_rolling, remove_entry, over_cap, overflow
do -- the rest is of this file alone

local ROLLING_INTERVAL = 15000
local EPISODES = 6 -- after so many of the cap's periods another rolling message begins, where people see it

-- The rolling message is like a live one: a delivery means "show what is in the box", and one at most waits.
function refresh_rolling(box)
  local b = redis.call('HMGET', box_key(box), 'destination', 'channel', 'address', 'limits')
  local t = redis.call('HMGET', thread_key(box), 'waiting', 'posted', 'sent', 'doubt')
  if not b[1] then return end
  redis.call('HSET', box_key(box), 'to', now)
  if t[1] then return end
  local number = redis.call('HINCRBY', box_key(box), 'shown', 1)
  local spec = {operation = box, destination = b[1], channel = b[2], address = b[3], kind = 'rolling', name = 'roundup',
                lane = box, limits = b[4], event = '', urgent = '', seq = number,
                unknowns = not t[2] and t[4] and 1 or nil, doubted = not t[2] and t[4] or nil,
                due = t[2] and math.max(now, tonumber(t[3] or '0') + ROLLING_INTERVAL) or now}
  create(box .. '-' .. number, spec)
  redis.call('HSET', thread_key(box), 'spec', standing_of(box, 'rolling', box, spec), 'interval', ROLLING_INTERVAL)
  redis.call('PEXPIRE', thread_key(box), KEEP_OPERATION)
end

-- The run has a message of its own, or stands in a newer list.
function remove_entry(lane, operation, but)
  local box = redis.call('HGET', thread_key(lane), 'box')
  if not box or box == but then return end
  redis.call('HDEL', thread_key(lane), 'box')
  if redis.call('HDEL', entries_key(box), operation) == 1 then refresh_rolling(box) end
end

-- Whether another new message would be one too many in its conversation; a lane that was let through once stays so.
function over_cap(d, cap)
  local most, per, key = cap[1], cap[2], P .. 'roots:' .. d.channel .. '/' .. d.address
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now - per)
  redis.call('ZREMRANGEBYSCORE', key, '(' .. now, '+inf') -- from before the clock was set back
  if redis.call('ZSCORE', key, d.lane) then return false end
  if d.loud ~= '1' and redis.call('ZCARD', key) >= most then return true end
  redis.call('ZADD', key, now, d.lane)
  redis.call('PEXPIRE', key, math.ceil(per))
  return false
end

-- A new message above the cap: the run joins the list that one rolling message shows.
function overflow(id, d, cap)
  local pointer = P .. 'overflow:' .. redis.sha1hex(d.destination .. '\0' .. d.address)
  local box = redis.call('GET', pointer)
  local b = box and redis.call('HMGET', box_key(box), 'from', 'added')
  if not b or not b[2] or now - b[1] > EPISODES * cap[2] or now - b[2] > cap[2] then
    box = box_id(d.lane, 'overflow', d.destination, d.address, now, now)
  end
  redis.call('SET', pointer, box, 'PX', math.ceil(cap[2]))
  redis.call('HSET', box_key(box), 'added', now)
  describe_box(box, 'overflow', d, now, now)
  add_entry(box, d.operation)
  keep_box(box, now)
  remove_entry(d.lane, d.operation, box)
  redis.call('HSET', thread_key(d.lane), 'box', box)
  redis.call('PEXPIRE', thread_key(d.lane), KEEP_OPERATION)
  move_to_bundle(id, d, 'overflow')
  refresh_rolling(box)
end

end
