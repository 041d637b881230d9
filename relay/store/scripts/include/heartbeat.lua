-- What the watchdog goes by: signs of life, moves, estimates (relay/policy/watchdog.py).
--- @include "order"
local record_repeat, track_run, alarm_outdated, record_alarm
do -- the rest is of this file alone

-- Places in the state, and in the run.
local HEARD, MOVED, GAPS, PHASE = PLACE['watch:heard'], PLACE['watch:moved'], PLACE['watch:gaps'], PLACE['watch:phase']
local ESTIMATE, ESTIMATED, PLANNED, MOVES, DEADLINE, ALARMS = PLACE['watch:estimate'], PLACE['watch:estimated'],
  PLACE['watch:planned'], PLACE['watch:moves'], PLACE['watch:deadline'], PLACE['watch:alarms']

local GAPS_KEPT = '^' .. ('%d+ '):rep(14) .. '%d+' -- of a run's gaps fifteen are kept
local ECHO = 60000 -- the ms within which a repetition is no sign of rhythm

-- Whether relay was away after this moment, or is only just back (watch.lua, tick).
local ABSENCE = 120000
local function away_since(moment)
  if now - moment < ABSENCE then return false end
  local t = redis.call('HMGET', P .. 'ticks', 'last', 'back')
  return t[1] and now - tonumber(t[1]) > ABSENCE or t[2] and moment < tonumber(t[2])
end

-- A sign of life, for the watchdog (relay/policy/watchdog.py). What is told again counts too, because a run that is stuck says
-- the same over and over; but the webhook and the callback of one fact, a moment apart, say nothing of its rhythm.
local function record_heartbeat(o, plan, again, was)
  local state = o:values('state')
  local last = tonumber(state[HEARD] or '')
  -- Neither the wait for the first progress is rhythm, nor a time in which relay itself was away or the clock set back.
  if last and last <= now and was.rank == RUNNING and not (again and now - last < ECHO) and not away_since(last) then
    local gaps = state[GAPS]
    gaps = now - last .. (gaps and gaps ~= '' and ' ' .. gaps or '')
    state[GAPS] = #gaps > 30 and gaps:match(GAPS_KEPT) or gaps
  end
  state[HEARD] = now
  o:touch('state')
  -- Whoever has no alarm is not among the stalled, so most need not be looked up.
  if o:values('run')[ALARMS] and redis.call('SISMEMBER', STALLED, plan.operation) == 1 then check_now(plan.operation) end
end

-- A repetition, or what came late. A new phase at an old percentage is a move all the same.
function record_repeat(o, plan, was)
  local state = o:values('state')
  if plan.progress and not plan.undated and was.rank == TERMINAL then
    o:set('went_on', math.max(plan.at, o:number('went_on') or 0)) -- its next end is another one (relay/domain/run_ends.py)
  end
  if not plan.run or was.rank == TERMINAL or not state[HEARD] then return end
  record_heartbeat(o, plan, true, was)
  if plan.phase ~= '' and plan.at >= (was.at or 0) and plan.phase ~= state[PHASE] then
    state[MOVED], state[PHASE] = now, plan.phase
  end
end

-- What the watchdog goes by: the last move, the first estimate and how often it moved, the deadline. A run is looked
-- at from its first event to its end.
function track_run(o, plan, was)
  if plan.rank == TERMINAL then return unwatch(plan.operation) end
  local state, run = o:values('state'), o:values('run')
  local known, planned = state[HEARD], run[ESTIMATE]
  if plan.run or known then record_heartbeat(o, plan, false, was) end
  if not plan.run then return end
  if not known or plan.phase_end or plan.phase ~= '' and plan.phase ~= (state[PHASE] or '')
    or plan.percentage and plan.percentage > (was.percentage or -1) then
    state[MOVED] = now
  end
  if plan.phase ~= '' then state[PHASE] = plan.phase end
  local estimate, deadline, was_due = plan.estimate, plan.deadline, run[DEADLINE]
  if estimate and not planned then
    run[ESTIMATE], run[ESTIMATED], run[PLANNED] = estimate, estimate, math.max(0, estimate - (plan.started or now))
    o:touch('run')
  elseif estimate and math.abs(estimate - run[ESTIMATED]) >= math.max(ECHO, run[PLANNED] / 10) then
    run[ESTIMATED], run[MOVES] = estimate, (run[MOVES] or 0) + 1
    o:touch('run')
  end
  if deadline and deadline ~= was_due then
    run[DEADLINE] = deadline
    o:touch('run')
  end
  if not known or estimate and not planned or deadline and deadline ~= was_due then check_now(plan.operation) end
end

-- Optimistic check: drop the alarm if another process raised it or the run changed since it was read.
function alarm_outdated(o, watch)
  if watch.job then return (o:get('watch:alarms') or '') ~= watch.was end -- of a run that has not begun, so it is unknown
  return redis.call('EXISTS', o.key) == 0 or (o:get('watch:alarms') or '') ~= watch.was
    or watch.heard and o:number('watch:heard') ~= watch.heard or watch.moved and o:number('watch:moved') ~= watch.moved
end

-- Alarms are relay's own: they update the alarm state and never count as activity of the run. Its record lives on from
-- here all the same: it was renewed up to a day before the last event, and is needed until the run is told a last time.
function record_alarm(o, plan, body)
  local seq = next_seq(o)
  o:set('kept', now)
  o.renewed = true
  o:set('watch:alarms', plan.watch.becomes)
  if plan.watch.since then -- of a run that has not begun, nothing is known yet
    o:set_once('first', plan.watch.since)
    state_facts(o, plan)
  end
  if plan.rank then -- else no message is made from it (plan.py)
    o:set('doc:' .. plan.name, body)
    o:set('seq:' .. plan.name, seq)
  end
  if not plan.watch.job then
    redis.call(plan.watch.open and 'SADD' or 'SREM', STALLED, plan.operation)
  elseif plan.watch.open then
    redis.call('HSET', MISSING, plan.operation, plan.watch.job)
  else
    redis.call('HDEL', MISSING, plan.operation)
  end
  return seq
end

end
