-- New messages that nobody wants now, and what tells them together later: in quiet hours, or while they are silenced.
-- A silence is {id, from, to (ms), 1 if what it holds is told}. Which one means a message is decided outside
-- (relay/policy/silences.py). What is to be told at its end is in a set, by which an earlier end finds it.
--- @include "entries"
local silences = {}
do -- the rest is of this file alone

-- Its end is decided here, however late a process hears that somebody ended it (silence.lua).
function silences.over(silence)
  return now >= silence[3] or redis.call('EXISTS', P .. 'unsilenced:' .. silence[1]) == 1
end

-- A delivery, or a box, that is to be told at its end.
function silences.await(silence, id)
  local key = P .. 'silenced:' .. silence[1]
  redis.call('SADD', key, id)
  redis.call('PEXPIRE', key, math.max(silence[3] - now, 0) + DAY)
end

-- The summary of this silence at an address, open for more; nil if it has left. where: as of open_box, and lane and
-- passes.
local function summary(silence, where)
  local box = box_id(where.lane, 'silence ' .. silence[1], where.destination, where.address, silence[2], silence[3])
  if sealed(box) then return nil end
  open_box(box, 'silence', where, silence[2], silence[3])
  if where.passes and where.passes ~= '' then redis.call('HSET', box_key(box), 'passes', 1) end
  silences.await(silence, box)
  return box
end

-- A delivery that nobody has begun to send: its run, or all of a round-up. False if it cannot be told that way.
function silences.bundle(id, d, silence)
  if d.kind ~= 'roundup' and not has_entry(operation_record(d.operation)) then return false end
  local box = summary(silence, d)
  if not box then return false end
  if d.kind == 'roundup' then move_entries(id, box) else add_entry(box, d.operation) end
  keep_box(box, silence[3])
  return true
end

local function quiet_box(target)
  local hours = target.quiet
  return box_id(target.lane, 'quiet', target.destination, target.address, hours[1], hours[2])
end

-- False if it may be sent. What waits for the end of quiet hours is told with the rest of its silence, and not twice.
local function hold_for_silence(plan, target)
  local silence = target.silence
  if silences.over(silence) then return false end
  if silence[4] == 1 then
    local box = plan.entry ~= '' and summary(silence, target)
    if not box then return false end
    add_entry(box, plan.operation)
    keep_box(box, silence[3])
  end
  if target.quiet and not sealed(quiet_box(target)) then
    redis.call('HDEL', entries_key(quiet_box(target)), plan.operation)
  end
  return 'silenced'
end

-- It becomes an entry of what is told at their end. False if it may be sent.
local function hold_for_quiet_hours(plan, target)
  local hours = not target.passes and target.quiet
  if not hours or now >= hours[2] or plan.entry == '' then return false end
  local box = quiet_box(target)
  if sealed(box) then return false end
  add_entry(box, plan.operation)
  open_box(box, 'quiet', target, hours[1], hours[2])
  return 'quiet_hours'
end

-- Why a new message that is due then is told with others later, or not at all; nil if it may be sent.
function silences.withhold(plan, target, due)
  local silence, hours = target.silence, target.quiet
  local why = silence and due < silence[3] and hold_for_silence(plan, target)
    or hours and due < hours[2] and hold_for_quiet_hours(plan, target) or nil
  target.withheld = why
  if not why then return nil end
  count('accepted')
  count('held:' .. why)
  note(plan.operation, 'held', target.destination, why, why == 'silenced' and silence[1] or nil)
  if plan.name == 'operation.stalled' and (why == 'quiet_hours' or silence[4] == 1) then
    operation_record(plan.operation):set(alarm_field(target.lane), now)
  end
  return why
end

end
