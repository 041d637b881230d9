-- Order: what is older than what is known, and where a new run begins.
--- @include "records"
--- @include "watched"

-- Is this older than what is known? Terminal beats running, a percentage never goes back, inside one retry.
local function late(plan, was)
  if not plan.rank or not was.rank then return false end
  if plan.retry ~= was.retry then return plan.retry < was.retry end
  if plan.rank < TERMINAL and was.rank == TERMINAL then return true end
  if plan.rank == INITIATED and was.rank >= RUNNING then return true end
  if plan.phase_end then return plan.phases and was.phases and plan.phases < was.phases end
  if not plan.progress then return false end
  if plan.percentage and was.percentage then return plan.percentage < was.percentage end
  return plan.at < was.at
end

-- A retry starts afresh: what the failed run said must not show in the new one, nor hold back its progress.
local function reset_run(o)
  for _, name in ipairs(redis.call('HKEYS', o.key)) do
    if name:match('^gate:') or name:match('^doc:') or name:match('^says:') or name:match('^mute:') then o:set(name, nil) end
  end
  for _, name in ipairs(PACKED.state) do
    if name:match('^watch:') or name:match('^seq:') then o:set(name, nil) end
  end
  for _, name in ipairs({'percentage', 'phases', 'fact:pressed'}) do o:set(name, nil) end
end

-- A start that began after the outcome is of a new run, which has another number and so is another fact. Where the
-- outcome came in after the run was looked up, it is looked up again.
local function begins_anew(plan, was)
  return plan.begun and was.rank == TERMINAL and plan.begun > was.at and plan.retry <= was.retry
end

-- Two tenants may begin with one id at the same moment, when nobody has it yet: the second one is looked up again.
local function another_s(plan, was)
  if plan.apart then return false end
  for name, stated in pairs(was.facts) do
    if stated and plan.facts[name] and plan.facts[name] ~= stated then return true end
  end
end

-- A thinner report of progress that is known: the callback beside the webhook may name no phase.
local function says_less(plan, was)
  return plan.progress and plan.percentage and plan.phase == '' and not plan.phases and was.rank == RUNNING
    and plan.percentage == was.percentage and plan.retry == was.retry
end

local function next_seq(o)
  local seq = (o:number('seq') or 0) + 1
  o:set('seq', seq)
  return seq
end
