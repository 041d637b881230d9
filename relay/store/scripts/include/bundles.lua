-- Boxes: entries that are told together.
-- A box is one stretch of time at one address: a digest's window, quiet hours, a silence, the backlog of something broken,
-- failures of one cause, or new messages above the cap. All but the last have a delivery of the same id, made with it and due at its end. Its first claim seals it:
-- nothing joins it any more, so every attempt tells the same, and what comes later goes into the next one.
--- @include "deliveries"
--- @include "watched"
local function box_key(box) return P .. 'box:' .. box end
local function entries_key(box) return P .. 'entries:' .. box end
local function digests_key(destination, address)
  return P .. 'digests:' .. redis.sha1hex(destination .. '\0' .. address)
end

-- It lives where the lane does (relay/store/keys.py, home).
local function box_id(lane, kind, destination, address, from, to)
  local parts = {kind, destination, address, string.format('%d', from), string.format('%d', to)}
  return lane:sub(1, 2) .. redis.sha1hex(table.concat(parts, '\0')):sub(3)
end

local function sealed(box) return redis.call('HEXISTS', box_key(box), 'sealed') == 1 end

local function keep_box(box, to)
  local BOX_KEPT = 40 * DAY -- longer than a dead letter, which needs its entries
  local ms = math.max(to - now, 0) + BOX_KEPT
  redis.call('PEXPIRE', box_key(box), ms)
  redis.call('PEXPIRE', entries_key(box), ms)
end

-- where: destination, channel, address and limits.
local function describe_box(box, kind, where, from, to)
  local key = box_key(box)
  redis.call('HSET', key, 'kind', kind, 'destination', where.destination, 'channel', where.channel, 'address',
             where.address, 'limits', where.limits, 'to', to)
  redis.call('HSETNX', key, 'from', from)
end

local open_box
do

local OF_BOX = {digest = 'digest', quiet = 'roundup', backlog = 'roundup', cause = 'roundup', requested = 'roundup',
                silence = 'roundup'}

-- An unsealed box with its delivery; one that is there already stays as it is.
function open_box(box, kind, where, from, to)
  describe_box(box, kind, where, from, to)
  keep_box(box, to)
  if redis.call('EXISTS', delivery_key(box)) == 1 then return end
  local name = OF_BOX[kind]
  -- It is of the moment that it is due: a window of a week must neither date its mail nor use up its patience.
  create(box, {operation = box, destination = where.destination, channel = where.channel, address = where.address,
               kind = name, name = name, lane = box, limits = where.limits, event = '', urgent = '', seq = 0, due = to,
               created = to})
end

end

-- The newest state of an operation in a few words (relay/domain/digest_entries.py), but for what lasts. records.py has the
-- same order, and `head` in entries.lua says what its text begins with.
local ENTRY = {'status', 'at', 'retry', 'percentage', 'phase', 'duration', 'error', 'rule', 'variants', 'anomalies',
               'records', 'done_count', 'failed_count'}

local KEPT_APART = {'name', 'type', 'priority', 'path', 'batch', 'total', 'started'}
local WHOSE = {'platform', 'tenant', 'project'}

local function entry_values(text)
  local values = cjson.decode(text:match('%[.*$'))
  for place = 1, #ENTRY do
    if values[place] == false then values[place] = nil end
  end
  return values
end

local function entry_text(run, values)
  local marks, all, last = 0, {}, 0
  for place = 1, #ENTRY do
    local value = values[place]
    all[place] = value or false
    if value ~= nil then marks, last = marks + 2 ^ (place - 1), place end
  end
  for place = last + 1, #ENTRY do all[place] = nil end
  return string.format('%d %d ', run, marks) .. cjson.encode(all)
end

local function has_entry(o) return o:get('entry') ~= false end

local function entry_of(o)
  local entry, values = {id = o:get('id')}, entry_values(o:get('entry'))
  for place, name in ipairs(ENTRY) do entry[name] = values[place] end
  for _, name in ipairs(KEPT_APART) do
    local value = o:get('entry:' .. name)
    if value == true and name ~= 'batch' then value = o:get('fact:' .. name) end -- it says the same
    if value then entry[name] = value end
  end
  for _, name in ipairs(WHOSE) do entry[name] = o:get('fact:' .. name) or nil end
  return cjson.encode(entry)
end

-- It goes in, over what the box knew of the operation. True if it is new there.
local function add_entry(box, operation)
  return redis.call('HSET', entries_key(box), operation, entry_of(operation_record(operation))) == 1
end

-- All that is told by one box becomes part of another, which is open.
local function move_entries(from, to)
  local entries = redis.call('HGETALL', entries_key(from))
  for i = 1, #entries, 2 do redis.call('HSET', entries_key(to), entries[i], entries[i + 1]) end
end

local seal
do

-- Not everything that a run did in quiet hours came by here: what passed them, or what no rule or gate let through. In
-- the morning it is told as it is then; so is a backlog. Of more runs than anybody reads the rest stays as it was put in.
local MOST_REFRESHED = 5000
local function refresh_entries(box)
  for i, operation in ipairs(redis.call('HKEYS', entries_key(box))) do
    if i > MOST_REFRESHED then return end
    local o = operation_record(operation)
    if has_entry(o) then redis.call('HSET', entries_key(box), operation, entry_of(o)) end
  end
end

-- What the digests before amounted to becomes part of the box, so that it is the same at every attempt.
function seal(box, destination, address)
  if redis.call('HSETNX', box_key(box), 'sealed', now) == 0 then return end
  if redis.call('HGET', box_key(box), 'kind') ~= 'digest' then refresh_entries(box) end
  local past = redis.call('HGETALL', digests_key(destination, address))
  for i = 1, #past, 2 do redis.call('HSET', box_key(box), 'was:' .. past[i], past[i + 1]) end
end

end

-- A queued delivery that becomes an entry of a box instead; of a silence, which.
local function move_to_bundle(id, d, reason, which)
  count('pending', -1)
  count('held:' .. reason)
  note(d.operation, 'held', d.destination, reason, which)
  record_end(id, 'held', reason)
  record_alarm_sent(d)
  keep_doubt(id, d.lane)
  leave_lane(id, d.lane)
  forget(id)
end
