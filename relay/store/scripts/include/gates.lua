-- What is told of progress.
--- @include "records"
--- @include "presses"
local silenced, gate
do -- the rest is of this file alone

local MINUTE = 60000

-- What would be told beside the message of a run that was muted there.
function silenced(o, plan, target)
  return not plan.rank and not plan.action and muted(o, target) and 'muted' or nil
end

-- An estimate that moved by a tenth of the time that was left: the run will take noticeably longer, or shorter.
local function shifted(plan, eta)
  if not plan.eta or not eta then return false end
  return math.abs(plan.eta - eta) >= math.max(0.1 * (eta - plan.at), MINUTE)
end

-- Progress is told again only once it has moved far enough; the mark moves in the same step as the delivery
-- is made, so two instances cannot both pass and a crash cannot move it without a delivery.
function gate(o, plan, target)
  if not plan.progress then return nil end
  local name = 'gate:' .. target.lane
  local mark = o:get(name)
  local told, at, eta, phase = nil, nil, nil, nil
  if mark then told, at, eta, phase = cmsgpack.unpack(mark) end
  if at and at > now then at = nil end -- the clock was set back since: it begins anew
  local pass, reason = #target.gates == 0 or not mark or plan.percentage == 100, 'increment'
  for _, g in ipairs(target.gates) do
    local moved = g[1] == 0 or (plan.percentage and told and plan.percentage >= told + g[1])
      or (target.live or not plan.percentage) and plan.phase ~= phase or target.live and shifted(plan, eta)
    local waited = not at or now >= at + g[2]
    if moved and waited then pass = true elseif moved then reason = 'interval' end
  end
  if not pass then return reason end
  o:set(name, cmsgpack.pack(plan.percentage or told, now, plan.eta, plan.phase))
end

end
