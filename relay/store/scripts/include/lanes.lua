-- Lanes: the deliveries of one operation at one address, in order.
--- @include "queues"

local make_due
do

-- Whether the message that the replies of this lane stand under is still to come.
local function rootless(lane)
  if lane:sub(-8) ~= '/replies' then return false end
  local t = redis.call('HMGET', thread_key(lane), 'posted', 'waiting', 'flying')
  return not t[1] and (t[2] or t[3])
end

-- In a lane only the head is due, so order holds and one is in flight.
function make_due(id)
  local d = redis.call('HMGET', delivery_key(id), 'channel', 'urgent', 'due', 'lane', 'lease', 'dated', 'kind')
  if not d[1] or d[5] ~= '' or redis.call('LINDEX', lane_key(d[4]), 0) ~= id then return end -- a leased one is not due
  if rootless(d[4]) then return leave_queues(id, d[1]) end
  leave_queues(id, d[1], d[2])
  redis.call('ZADD', due_key(d[1], d[2]), due_by_now(id, tonumber(d[3]), tonumber(d[6] or '0'), d[7]), id)
end

end

-- What is urgent and due soon overtakes a head whose next try is a while off, whatever that tells.
local function let_urgent_pass(lane)
  local OVERTAKEN = 5000 -- ms
  local ids = redis.call('LRANGE', lane_key(lane), 0, 19)
  local head = ids[1] and redis.call('HMGET', delivery_key(ids[1]), 'lease', 'due', 'channel')
  if not ids[2] or not head[2] or head[1] ~= '' or tonumber(head[2]) <= now + OVERTAKEN then return end
  for i = 2, #ids do
    if field(ids[i], 'urgent') == '1' and due_of(ids[i]) <= now + OVERTAKEN then
      leave_queues(ids[1], head[3])
      redis.call('LREM', lane_key(lane), 1, ids[i])
      redis.call('LPUSH', lane_key(lane), ids[i])
      return make_due(ids[i])
    end
  end
end

-- A new delivery that is alone there is due by what it says; for all else its state is read. `new` has its fields.
local function join_lane(id, lane, new)
  local alone = redis.call('RPUSH', lane_key(lane), id) == 1
  if new and alone and not is_replies(lane) then
    redis.call('ZADD', due_key(new.channel, new.urgency), new.due, id)
    return
  end
  make_due(id)
  local head = field(id, 'urgent') == '1' and redis.call('LINDEX', lane_key(lane), 0)
  if head and field(head, 'name') ~= 'operation.progress' then let_urgent_pass(lane) end -- progress ends (messages.lua, expedite)
end

-- What became of this delivery, which showed as much as the first reply says: that goes now, be it told or not.
local function release_replies(id, lane)
  local head = not is_replies(lane) and redis.call('LINDEX', lane_key(replies_of(lane)), 0)
  if not head then return end
  local reply = redis.call('HMGET', delivery_key(head), 'seq', 'attempts')
  if reply[2] == '0' and tonumber(field(id, 'seq') or '-1') >= tonumber(reply[1]) then
    set_due(head, now)
  end
  make_due(head)
end

-- What waits to be told beside the message of this lane, held (holds.lua) or not.
local function replies_beside(lane)
  local ids = redis.call('LRANGE', lane_key(replies_of(lane)), 0, -1)
  for _, id in ipairs(redis.call('LRANGE', lane_key(lane .. '/held'), 0, -1)) do ids[#ids + 1] = id end
  return ids
end

-- apart: it is no live message, so nothing stands under it.
local function leave_lane(id, lane, apart)
  redis.call('LREM', lane_key(lane), 1, id)
  if not apart then
    local roles = redis.call('HMGET', thread_key(lane), 'waiting', 'flying')
    if roles[1] == id then redis.call('HDEL', thread_key(lane), 'waiting') end
    if roles[2] == id then redis.call('HDEL', thread_key(lane), 'flying') end
  end
  local head = redis.call('LINDEX', lane_key(lane), 0)
  if head then make_due(head) end
  if not apart then release_replies(id, lane) end
end
