-- What the watchdog goes by: signs of life, moves, estimates (relay/policy/watchdog.py).
--- @include "order"

local GAPS = '^' .. ('%d+ '):rep(14) .. '%d+' -- of a run's gaps fifteen are kept
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
  local last = o:number('watch:heard')
  -- Neither the wait for the first progress is rhythm, nor a time in which relay itself was away or the clock set back.
  if last and last <= now and was.rank == RUNNING and not (again and now - last < ECHO) and not away_since(last) then
    local gaps = o:get('watch:gaps')
    gaps = now - last .. (gaps and gaps ~= '' and ' ' .. gaps or '')
    o:set('watch:gaps', gaps:match(GAPS) or gaps)
  end
  o:set('watch:heard', now)
  -- Whoever has no alarm is not among the stalled, so most need not be looked up.
  if o:get('watch:alarms') and redis.call('SISMEMBER', STALLED, plan.operation) == 1 then check_now(plan.operation) end
end

-- A repetition, or what came late. A new phase at an old percentage is a move all the same.
local function record_repeat(o, plan, was)
  if not plan.run or was.rank == TERMINAL or not o:get('watch:heard') then return end
  record_heartbeat(o, plan, true, was)
  if plan.phase ~= '' and plan.at >= (was.at or 0) and plan.phase ~= o:get('watch:phase') then
    o:set('watch:moved', now)
    o:set('watch:phase', plan.phase)
  end
end

-- What the watchdog goes by: the last move, the first estimate and how often it moved, the deadline. A run is looked
-- at from its first event to its end.
local function track_run(o, plan, was)
  if plan.rank == TERMINAL then return unwatch(plan.operation) end
  local run = plan.run
  local known, planned = o:get('watch:heard'), o:get('watch:estimate')
  if not run then
    if known then record_heartbeat(o, plan, false, was) end
    return
  end
  record_heartbeat(o, plan, false, was)
  if not known or plan.phase_end or plan.phase ~= '' and plan.phase ~= (o:get('watch:phase') or '')
    or plan.percentage and plan.percentage > (was.percentage or -1) then
    o:set('watch:moved', now)
  end
  if plan.phase ~= '' then o:set('watch:phase', plan.phase) end
  if run.estimate and not planned then
    o:set('watch:estimate', run.estimate)
    o:set('watch:estimated', run.estimate)
    o:set('watch:planned', math.max(0, run.estimate - (run.started or now)))
  elseif run.estimate and math.abs(run.estimate - o:number('watch:estimated'))
    >= math.max(ECHO, o:number('watch:planned') / 10) then
    o:set('watch:estimated', run.estimate)
    o:set('watch:moves', (o:number('watch:moves') or 0) + 1)
  end
  local deadline = o:number('watch:deadline')
  if run.deadline then o:set('watch:deadline', run.deadline) end
  if not known or run.estimate and not planned or run.deadline and run.deadline ~= deadline then
    check_now(plan.operation)
  end
end

-- Optimistic check: drop the alarm if another process raised it or the run changed since it was read.
local function alarm_outdated(o, watch)
  return redis.call('EXISTS', o.key) == 0 or (o:get('watch:alarms') or '') ~= watch.was
    or watch.heard and o:number('watch:heard') ~= watch.heard or watch.moved and o:number('watch:moved') ~= watch.moved
end

-- Alarms are relay's own: they update the alarm state and never count as activity of the run.
local function record_alarm(o, plan, body)
  local seq = next_seq(o)
  o:set('watch:alarms', plan.watch.becomes)
  o:set('doc:' .. plan.name, body)
  o:set('seq:' .. plan.name, seq)
  redis.call(plan.watch.open and 'SADD' or 'SREM', STALLED, plan.operation)
  return seq
end
