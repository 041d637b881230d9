-- The newest state in a few words, and where it is collected.
--- @include "bundles"
--- @include "order"
local update_summary, add_to_digest
do -- the rest is of this file alone

-- The newest state in a few words: laid over what earlier events of this run said. A retry keeps its name alone. An
-- event without a rank is no state, but for a batch's alarm: it must not take the place of one, nor of what is left of one
-- (trim.lua).
-- What lasts is among the facts; the rest is a text: number of the run, which of the values it states, and these.
local LASTING, STARTED = PLACE['entry:name'], PLACE['entry:started']

local function update_lasting(o, plan, same)
  local facts, new, values = o:values('facts'), stated(plan), {}
  for place = LASTING, STARTED do values[place] = new[place] end
  for fact, place in pairs(IN_ENTRY) do
    if values[place] == true and facts[fact] ~= new[fact] then values[place] = new[fact] end
  end
  for place = LASTING, STARTED do
    local value = values[place]
    if facts[place] ~= value and (value or place == STARTED and not same) then
      facts[place] = value
      o:touch('facts')
    end
  end
end

function update_summary(o, plan)
  local entry, was = plan.entry, o:get('entry')
  if entry == '' or was and not plan.rank and not plan.watch then return end
  local head = entry:sub(1, entry:find('[', 1, true) - 1) -- where it states what the last one did, it takes its place
  if not was or was:sub(1, #head) ~= head then
    local run, old_run = tonumber(head:match('%d+')), was and tonumber(was:match('%d+'))
    local values, old = entry_values(entry), run == old_run and entry_values(was) or {}
    for place = 1, #ENTRY do
      if values[place] == nil then values[place] = old[place] end
    end
    if not was and not plan.rank and o:get('status') then values[1] = o:get('status') end
    entry = entry_text(run, values)
    update_lasting(o, plan, run == old_run)
  elseif not plan.as_known then
    update_lasting(o, plan, true)
  end
  o:set('entry', entry)
end

-- digest: the entry goes into the window at hand, or into the next one if that is being told already.
function add_to_digest(plan, target)
  local from, to = now, now -- for clocks that are further apart than windows: told at once, never lost
  for _, window in ipairs(target.windows) do
    if not sealed(box_id(target.lane, 'digest', target.destination, target.address, window[1], window[2])) then
      from, to = window[1], window[2]
      break
    end
  end
  local box = box_id(target.lane, 'digest', target.destination, target.address, from, to)
  local new = add_entry(box, plan.operation)
  redis.call('HSET', box_key(box), 'zone', target.zone)
  open_box(box, 'digest', target, from, to)
  if not new and (plan.progress or plan.phase_end) then redis.call('HINCRBY', box_key(box), 'held', 1) end
  count('accepted')
  count('digested')
  note(plan.operation, 'digested', target.destination, target.address)
end

end
