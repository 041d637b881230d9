-- Who is told of an event, and how.
--- @include "reports"
local tell
do -- the rest is of this file alone

local function hold(plan, target, reason, address)
  count('accepted')
  count('held:' .. reason)
  if reason == 'silenced' then address = target.silence[1] end -- by which people find it
  note(plan.operation, 'held', target.destination, reason, address)
end

-- What the operation itself says against telling it there.
local function held_back(o, plan, target)
  return target.held or not target.windows and (silenced(o, plan, target) or gate(o, plan, target))
end

-- A failure of this run that nobody has begun to tell gives way to its completion. False: it was told.
local function give_way(plan, target)
  local ids = target.live and replies_beside(target.lane) or redis.call('LRANGE', lane_key(target.lane), 0, -1)
  for _, id in ipairs(ids) do
    local d = redis.call('HMGET', delivery_key(id), 'operation', 'name', 'lease', 'attempts', 'lane')
    if d[1] == plan.operation and d[2] == 'operation.failed' and d[3] == '' and d[4] == '0' then
      supersede(id, plan.operation, target.destination, d[5], 'newer state')
      return true
    end
  end
  return false
end

-- One target of this partition. Answers the references to the event's body that this makes, nil where nothing is queued;
-- and why nobody is told of it.
local function tell_target(o, plan, target, seq, body)
  local refused = target.held or suppressed(target.destination, target.address, target.passes == 2)
  local thread = target.live and plan.rank and thread_of(target)
  local reason = refused or not target.windows and (shown_elsewhere(plan, target, thread)
    or not target.passed and (silenced(o, plan, target) or gate(o, plan, target)))
  if reason == 'batch' then
    local made = reply_in_batch(plan, target, seq)
    if made == 0 then return nil, target.withheld elseif made then return made end
  end
  if reason then
    hold(plan, target, reason, refused and target.address or nil)
    return nil, reason
  end
  if target.failure_shown and not give_way(plan, target) then
    if not target.live then
      hold(plan, target, 'failure_shown')
      return nil, 'failure_shown'
    end
    target.reply = false
  end
  if target.windows then
    add_to_digest(plan, target)
    return 0
  end
  local made = nil
  if target.live and plan.rank then
    made = upsert_live(plan, target, o, seq, thread, body)
  else
    -- An event without a rank changes no state that a live message could show: it is told beside it.
    local spec = spec_of(plan, target, seq, target.live and 'reply' or 'each')
    spec.alone = target.live
    local held = held_until(target, plan.retry)
    if held then
      spec.due, spec.said = held, plan.said
      hold_failure(o, target.id, spec.due)
    end
    made = enqueue(target.id, plan, target, spec)
    if plan.rank == TERMINAL then expedite(target.live and replies_of(target.lane) or target.lane) end
    if made == 0 then made = nil end
  end
  if not made then return nil, target.withheld end -- they have it, counted and noted
  note(plan.operation, 'queued', target.destination, target.address)
  return made
end

-- All targets: those of this partition, and what goes to others. `away` collects these by partition.
-- Answers how many hear of it, and of the others destination and reason.
function tell(o, plan, seq, body, away)
  local told, held, references = 0, {}, 0
  for _, target in ipairs(plan.targets) do
    local made, reason = nil, nil
    if target.away then
      reason = held_back(o, plan, target)
      if reason then
        hold(plan, target, reason, target.held and target.address or nil)
      else
        away[target.away] = away[target.away] or {}
        table.insert(away[target.away], target)
      end
    else
      made, reason = tell_target(o, plan, target, seq, body)
    end
    if reason then
      held[#held + 1] = target.destination
      held[#held + 1] = reason
    else
      told, references = told + 1, references + (made or 0)
    end
  end
  if references > 0 then redis.call('HSET', P .. 'event:' .. plan.event, 'body', body, 'refs', references) end
  return told, held
end

end
