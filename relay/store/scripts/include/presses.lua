-- Buttons that people press.
--- @include "order"
local press_rejected, mark_press, record_action, muted
do -- the rest is of this file alone

-- A button does its thing once: for the run, or where it silences, for the run and the address.
local function action_key(plan)
  if plan.action.name == 'mute' then return 'mute:' .. plan.targets[1].lane end
  return 'asked:' .. plan.action.name .. ':' .. plan.action.run
end

-- Why a press does nothing; nil if it does. The button of an earlier run must not reach the present one.
function press_rejected(o, plan)
  if not (plan.action and plan.action.press) then return nil end
  if plan.action.run < (o:number('retry') or 0) then return 'late' end
  return o:get(action_key(plan)) and 'duplicate' or nil
end

-- What people ask for is no news from the run either. If nothing came of it, it may be asked for again.
-- Who asked is remembered for the run's end, also where it may have been done although it seems refused.
function mark_press(o, plan)
  local action = plan.action
  if action.press then
    o:set(action_key(plan), now)
    if action.pressed then o:set('fact:pressed', action.pressed) end
  elseif not action.ok then
    o:set(action_key(plan), nil)
    if action.name == 'cancel' and not action.unknown then o:set('fact:pressed', nil) end
  end
end

function record_action(o, plan)
  mark_press(o, plan)
  o:set_once('id', states(plan, 'id'))
  o:keep()
  return next_seq(o)
end

function muted(o, target) return target.live and o:get('mute:' .. target.lane) end

end
