-- Backlog: of what waits for something broken, so much that nobody reads it message by message.
-- The oldest become entries of a round-up, which waits like all else, and shows them as they are by then.
--- @include "bundles"
local BACKLOG_OPEN = DAY -- then the next one begins: none is given up with what has only just come into it

-- Whether it takes more: it is not told yet, and neither given up nor dropped.
local function takes_more(box)
  if not box or sealed(box) then return false end
  local d = redis.call('HMGET', delivery_key(box), 'kind', 'died')
  return d[1] and not d[2]
end

-- The round-up of this address that is open. The first delivery in it says since when it tells.
local function backlog_box(d)
  local pointer = P .. 'backlog:' .. redis.sha1hex(d.destination .. '\0' .. d.address)
  local box = redis.call('GET', pointer)
  if takes_more(box) then return box end
  box = box_id(d.lane, 'backlog', d.destination, d.address, d.created, now)
  redis.call('SET', pointer, box, 'PX', BACKLOG_OPEN)
  open_box(box, 'backlog', d, d.created, now)
  return box
end

-- What stays as it is: bundles, edits, of which there is one for each message that stands, what buttons asked for, and what
-- has no entry.
local function move_to_backlog(id)
  local d = redis.call('HMGET', delivery_key(id), 'operation', 'destination', 'channel', 'address', 'kind', 'lane', 'limits',
                       'created', 'name')
  d = {operation = d[1], destination = d[2], channel = d[3], address = d[4], kind = d[5], lane = d[6], limits = d[7],
       created = tonumber(d[8]), name = d[9]}
  if BOXED[d.kind] or d.kind == 'rolling' or (d.name or ''):match('^operation%.action%.') then return false end
  if d.kind == 'live' and redis.call('HGET', thread_key(d.lane), 'posted') then return false end
  if not has_entry(operation_record(d.operation)) then return false end
  local box = backlog_box(d)
  add_entry(box, d.operation)
  keep_box(box, now)
  move_to_bundle(id, d, 'backlog')
  return true
end
