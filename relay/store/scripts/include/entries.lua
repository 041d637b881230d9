-- The newest state in a few words, and where it is collected.
--- @include "bundles"

-- The newest state in a few words: laid over what earlier events of this run said. A retry keeps its name alone. An
-- event without a rank is no state: it must not take the place of one, nor of what is left of one (trim.lua).
local LASTING = {name = true, type = true, priority = true, path = true, batch = true, total = true}
local function update_summary(o, plan)
  local entry = plan.entry
  local was = entry and has_entry(o)
  if not entry or was and not plan.rank then return end
  if not was and not plan.rank and o:get('status') then entry.status = o:get('status') end
  local same = was and o:get('entry:retry') == entry.retry
  for name, packed in pairs(ENTRY) do
    local stated = entry[name]
    if stated ~= nil or not (same or was and LASTING[name]) then o:set(packed, stated) end
  end
end

-- digest: the entry goes into the window at hand, or into the next one if that is being told already.
local function add_to_digest(plan, target)
  local from, to = now, now -- for clocks that are further apart than windows: told at once, never lost
  for _, window in ipairs(target.windows) do
    if not sealed(box_id('digest', target.destination, target.address, window[1], window[2])) then
      from, to = window[1], window[2]
      break
    end
  end
  local box = box_id('digest', target.destination, target.address, from, to)
  local new = add_entry(box, plan.operation)
  redis.call('HSET', box_key(box), 'zone', target.zone)
  open_box(box, 'digest', target, from, to)
  if not new and (plan.progress or plan.phase_end) then redis.call('HINCRBY', box_key(box), 'held', 1) end
  count('accepted')
  count('digested')
  note(plan.operation, 'digested', target.destination, target.address)
end

-- In quiet hours a new message becomes an entry of what is told at their end. False if it may be sent.
local function hold_for_quiet_hours(plan, target)
  local hours = not target.passes and target.quiet
  if not hours or now >= hours[2] or not plan.entry then return false end
  local box = box_id('quiet', target.destination, target.address, hours[1], hours[2])
  if sealed(box) then return false end
  add_entry(box, plan.operation)
  open_box(box, 'quiet', target, hours[1], hours[2])
  count('accepted')
  count('held:quiet_hours')
  note(plan.operation, 'held', target.destination, 'quiet_hours')
  return true
end
