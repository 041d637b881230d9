-- Live messages: one for each operation at an address, which is kept true.
--- @include "messages"
--- @include "gates"
--- @include "suppressions"
local thread_of, upsert_live
do -- the rest is of this file alone

-- The live message of a target: what waits, what is on its way, when it was posted and last edited, and whether its lane is
-- known.
function thread_of(target)
  return redis.call('HMGET', thread_key(target.lane), 'waiting', 'flying', 'posted', 'sent', 'interval', 'spec',
                    'calls', 'doubt')
end

-- A reply gives the edit that comes with it so long to be the first, and no longer. Where the message turns out to be
-- gone, a new one tells everything, and the reply has nothing to add.
local EDIT_FIRST = 3000 -- ms

-- A delivery that waits shows this event as well. An outcome need not wait for the time that was planned, and what is
-- looked at anew leaves whatever it was parked for.
local SAYING = {'passes', 'loud'}
local function join(plan, target, waiting, seq, wanted, held, grouped)
  local key = delivery_key(waiting)
  local d = redis.call('HMGET', key, 'due', 'dated', 'kind', 'attempts', 'urgent', 'lapsed', 'parked', 'faults')
  local was = due_by_now(waiting, tonumber(d[1]), tonumber(d[2] or '0'), d[3])
  local due = held or plan.urgent and now or math.min(was, math.max(wanted, now))
  if (tonumber(d[4]) > 0 or d[8]) and not plan.urgent then due = was end -- its back-off holds
  local urgency = URGENCY[plan.urgency] < URGENCY[d[5]] and plan.urgency or d[5]
  local set = {'seq', seq, 'name', plan.name, 'urgent', urgency, 'due', due, 'dated', now,
               'cause', not grouped and cause_of(plan, target) or '', 'said', held and plan.said or ''}
  for _, name in ipairs(SAYING) do
    if target[name] then
      set[#set + 1] = name
      set[#set + 1] = '1'
    end
  end
  redis.call('HSET', key, unpack(set))
  if d[6] then redis.call('HDEL', key, 'lapsed') end -- a late receipt is of an older state than this
  if d[7] or due ~= tonumber(d[1]) or urgency ~= d[5] then make_due(waiting) end
  count('accepted')
  count('superseded')
end

-- live: at most one delivery waits in the lane; it means "show the present state", so a newer event joins it.
-- Answers the references to the event's body; nil if it is withheld.
function upsert_live(plan, target, o, seq, t, body)
  local thread = thread_key(target.lane)
  local waiting, flying, posted = t[1], t[2], t[3]
  local sent = math.min(tonumber(t[4] or '0'), now) -- the clock may have been set back since; so below
  local due = now
  local grouped = target.batch_lane == target.lane
    or target.batch_lane and redis.call('EXISTS', thread_key(target.batch_lane)) == 1
  if not plan.urgent then
    -- The end of a phase waits for the start of the next, which says more.
    local patience = plan.phase_end and plan.urgency == '' and target.min_interval or 0
    if posted then due = math.max(now + patience, sent + target.min_interval)
    elseif target.reply then due = now
    else due = math.max(now, math.min(o:number('first'), now) + target.post_after) end
  end
  if not (waiting or flying or posted) and silences.withhold(plan, target, due) then return nil end
  -- A failure that may heal: with nothing to edit, it is the message itself that waits.
  local held = target.reply and not grouped and held_until(target, plan.retry)
  local held_root = held and not (posted or flying) and held
  if held_root then hold_failure(o, waiting or target.id, held) end
  if waiting then
    join(plan, target, waiting, seq, due, held_root, grouped)
  else
    local spec = spec_of(plan, target, seq, 'live')
    spec.due = held_root or due
    if not posted and t[8] then spec.unknowns, spec.doubted = 1, t[8] end
    spec.said = held_root and plan.said
    if grouped then spec.cause = nil end -- the message of a batch tells more than that
    create(target.id, spec)
  end
  local reply = target.reply and (not grouped or claim_batch_reply(plan, target))
  local beneath = reply and (posted or flying)
  -- calls: what the message itself is to tell people, who may find it posted before by then (settle.lua, adopt).
  local calls = reply and not beneath and plan.name or ''
  local standing = standing_of(plan.operation, 'live', target.lane, target)
  if t[6] ~= standing or tonumber(t[5]) ~= target.min_interval or (t[7] or '') ~= calls then
    redis.call('HSET', thread, 'spec', standing, 'interval', target.min_interval, 'calls', calls)
  end
  -- Its documents are in another partition, where a new run may have begun by then.
  if calls ~= '' and o:get('away') then redis.call('HSET', thread, 'call', plan.retry .. ' ' .. body) end
  if not t[5] or o.renewed then redis.call('PEXPIRE', thread, KEEP_OPERATION) end
  if beneath then
    if muted(o, target) then
      count('accepted')
      count('held:muted')
      note(plan.operation, 'held', target.destination, 'muted')
      return 0
    end
    local beside = spec_of(plan, target, seq, 'reply')
    beside.due = now + EDIT_FIRST
    if held then
      beside.due, beside.lane, beside.said = held, target.lane .. '/held', plan.said
      hold_failure(o, target.id .. '-reply', held)
    end
    if grouped and target.loud then beside.loud = is_loud(plan, target) end
    return enqueue(target.id .. '-reply', plan, target, beside)
  end
  return 0
end

end
