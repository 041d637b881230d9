-- Causes: failures of different runs that have one cause, at one address. The first is told as ever. What is due within the
-- window after it is told below it: in its thread, or where there are no threads in one message at the window's end.
-- Decided when a failure is about to be told, not when it comes in: what is held until then, or heals, comes first in nothing.
--- @include "bundles"
--- @include "records"
--- @include "callers"
local join_cause, open_cause, leave_cause
do -- the rest is of this file alone

-- What messages.lua (cause_of) put together: the window (ms), how grave it is, whose run failed, and the error's signature.
local function cause_in(d)
  local window, gravity, whose = (d.cause or ''):match('^(%S+) (%S+) (%S+)')
  local key, signature = cause_key(d)
  if not key or d.edit then return nil end
  return {window = tonumber(window), gravity = tonumber(gravity), whose = whose, name = key:sub(-40), key = key,
          signature = signature}
end

-- Whether this delivery never tells it: it is dead, or it left or shows another state, and had not told it before.
local function is_void(it, id)
  local d = redis.call('HMGET', delivery_key(id), 'died', 'cause')
  if d[1] then return true end
  if redis.call('HEXISTS', it.key, 'sent:' .. id) == 1 then return false end
  return not d[2] or d[2]:match('%S*$') ~= it.signature
end

-- The first of them and when it was told, where it still stands for the others.
local function read_cause(it)
  local row = redis.call('HMGET', it.key, 'at', 'id', 'whose', 'gravity', 'lane')
  local at = tonumber(row[1] or '')
  if at and at > now then -- the clock was set back since: it is as of now, and stays so
    at = now
    redis.call('HSET', it.key, 'at', at)
  end
  if not at or now - at >= it.window or is_void(it, row[2]) then return end
  it.first = {at = at, id = row[2], whose = row[3], gravity = tonumber(row[4]), lane = row[5]}
end

-- What is grouped with others has a round-up of their own at the end of the window. What reaches also those who have
-- unsubscribed does not wait for that.
local function move_to_box(id, d, it)
  local from, to = it.first.at, it.first.at + it.window
  local box = box_id(d.lane, 'cause', d.destination, d.address .. '\0' .. it.name, from, to)
  if d.passes == '2' or now >= to or sealed(box) or not has_entry(operation_record(d.operation)) then return false end
  open_box(box, 'cause', d, from, to)
  add_entry(box, d.operation)
  keep_box(box, to)
  if d.passes ~= '' then redis.call('HSET', box_key(box), 'passes', 1) end
  move_to_bundle(id, d, 'same_cause')
  return true
end

-- Where a reply of its own waits to tell it, that becomes the row, when its time has come.
local function is_told_beside(d)
  for _, id in ipairs(replies_beside(d.lane)) do
    local reply = redis.call('HMGET', delivery_key(id), 'operation', 'name', 'seq')
    if reply[1] == d.operation and reply[2] == d.name and tonumber(reply[3]) == d.seq then return true end
  end
end

-- A reply in another one's thread. One that has no message of its own yet needs none for that.
local function move_to_thread(id, d, lane)
  if d.kind == 'reply' then
    leave_queues(id, field(id, 'channel')) -- it may stand behind others there
    leave_lane(id, d.lane, true)
    redis.call('HSET', delivery_key(id), 'lane', lane, 'row', 1, 'due', now, 'dated', now)
    join_lane(id, lane)
    return true
  end
  if is_told_beside(d) then
    supersede(id, d.operation, d.destination, d.lane, 'covered_by_cause')
    return true
  end
  local run, call = (d.thread.call or ''):match('^(%d+) (.*)$')
  local o = operation_record(d.operation)
  local body = o:get('doc:' .. d.name) or run and tonumber(run) == o:number('retry') and call
  if not body then return false end
  local row = id .. '-row'
  redis.call('HSET', P .. 'event:' .. row, 'body', body, 'refs', 1)
  redis.call('HSET', thread_key(d.lane), 'calls', '')
  supersede(id, d.operation, d.destination, d.lane, 'covered_by_cause')
  create(row, {operation = d.operation, destination = d.destination, channel = d.channel, address = d.address, kind = 'reply',
               name = d.name, lane = lane, limits = d.limits, event = row, urgent = d.urgent, seq = d.seq, due = now,
               created = d.created, passes = d.passes == '2' and 2 or d.passes ~= '', loud = d.loud == '1', cause = d.cause, row = 1})
  return true
end

-- True if it is told below the first, and not now. What may have arrived already stays as it was. So does another failure
-- of the same run, and one that is graver than what was told.
function join_cause(id, d)
  local it = cause_in(d)
  d.group = it
  if not it or d.row then return false end
  read_cause(it)
  local first = it.first
  if not first or first.id == id or first.whose == it.whose or it.gravity > first.gravity then return false end
  it.open = true -- and stays so
  if d.attempts > 0 or tonumber(d.unknowns) > 0 then return false end
  if d.kind == 'each' then return move_to_box(id, d, it) end
  return move_to_thread(id, d, replies_of(first.lane:match('^[^/]+')))
end

-- It is told now, and others stand below it from here on. Whom the first called stays called, if a graver one takes its place.
function open_cause(id, d)
  local it = d.group
  if not it or d.row or it.open then return end
  local first = it.first
  if first and (first.id == id or first.whose == it.whose) and it.gravity <= first.gravity then return end
  if not first then redis.call('DEL', it.key) end
  redis.call('HSET', it.key, 'at', now, 'id', id, 'whose', it.whose, 'gravity', it.gravity, 'lane', d.lane)
  redis.call('PEXPIRE', it.key, it.window)
end

-- Somebody dropped this dead letter: nothing stands below it, and whom it should have called another one calls.
function leave_cause(id)
  local row = redis.call('HMGET', delivery_key(id), 'destination', 'address', 'cause')
  local it = cause_in({destination = row[1], address = row[2], cause = row[3] or ''})
  if not it then return end
  local fields = redis.call('HGETALL', it.key)
  for i = 1, #fields, 2 do
    if fields[i + 1] == id then redis.call('HDEL', it.key, fields[i] == 'id' and 'at' or fields[i]) end
  end
end

end
