-- watch: which runs the watchdog looks at now, and when again. What it makes of them, relay/policy/watchdog.py says.
-- Without allow-oom: a full Redis takes no events, so it must not find the runs silent either.
-- KEYS[1] the ledger. ARGV from 3: verb, arguments.
--- @include "jobs"
--- @include "records"
--- @include "watched"
local verbs = {}

-- The moments in the text of alarms, in seconds.
local MOMENTS = {['"at":'] = true, ['"since":'] = true, ['"resumed":'] = true}
local JITTER = 5000 -- ms: clocks are put right by so little all the time

-- Whether an alarm of this run is open, and nobody has heard yet that relay will forget it.
local function owes_a_word(operation)
  if redis.call('SISMEMBER', STALLED, operation) == 0 then return false end
  local alarms = operation_record(operation):get('watch:alarms')
  return alarms and not alarms:find('"last":true', 1, true)
end

-- It is looked at no more. Where its alarm is open and nobody is told, it is counted for the next tick to say.
local function leave(operation)
  if redis.call('SISMEMBER', STALLED, operation) == 1 then
    local alarms = operation_record(operation):get('watch:alarms')
    if not alarms or owes_a_word(operation) then redis.call('HINCRBY', P .. 'ticks', 'left', 1) end
  end
  unwatch(operation)
end

-- The pulse of all processes together. gap, grace (ms): after more than `gap` without a tick relay was away, and what
-- came in meanwhile may be on its way still. Answers the ms until which nothing may be found wrong, the number of stalled
-- runs, and how many left with an open alarm since the tick before.
function verbs.tick(gap, grace)
  local key = P .. 'ticks'
  local t = redis.call('HMGET', key, 'last', 'grace')
  local last, till = tonumber(t[1] or '0'), tonumber(t[2] or '0')
  if now - last > tonumber(gap) then
    till = now + tonumber(grace)
    redis.call('HSET', key, 'back', now)
  end
  redis.call('HSET', key, 'last', now, 'grace', till)
  -- With the watchdog off nobody looks at the runs; what is long forgotten leaves all the same.
  local old = now - KEEP_OPERATION
  for _, operation in ipairs(redis.call('ZRANGEBYSCORE', WATCH, '-inf', old, 'LIMIT', 0, 1000)) do
    if owes_a_word(operation) then check_now(operation) else leave(operation) end
  end
  jobs.forget(math.huge)
  local left = tonumber(redis.call('HGET', key, 'left') or '0')
  redis.call('HDEL', key, 'left')
  return {now, till, redis.call('SCARD', STALLED), left}
end

-- A moment of before the clock was set back, by the right clock; by how much it was, the pulse knows (pulses.lua). What
-- that does not account for is as of now.
local function dated(moment)
  if moment <= now then return moment end
  local t = redis.call('HMGET', P .. 'ticks', 'step', 'stepped')
  local known = t[2] and now < t[2] + t[1] and moment - now > JITTER
  return known and math.min(now, moment - t[1]) or now
end

-- When it was heard of, when it moved, and since when people know of its alarms (relay/domain/jobs.py; here their text).
local function set_right(o)
  for _, name in ipairs({'watch:heard', 'watch:moved'}) do
    if o:get(name) then o:set(name, dated(o:number(name))) end
  end
  local alarms = o:get('watch:alarms')
  if not alarms then return end
  o:set('watch:alarms', (alarms:gsub('("%l+":)(%d+%.?%d*)', function(name, seconds)
    local moment = MOMENTS[name] and seconds * 1000 or 0
    if moment > now then return name .. string.format('%.3f', dated(moment) / 1000) end
  end)))
end

-- What is left of this run's time; nil where it is over, or was never watched. One with an alarm is told a last time
-- before it leaves, also where relay was away when that was due (relay/policy/watchdog.py, LEAVES).
local function look(operation)
  local o = operation_record(operation)
  o:read({'state', 'run', 'facts'})
  set_right(o)
  o:write()
  local rank, heard = o:get('rank'), o:number('watch:heard')
  if not rank or rank == TERMINAL or not heard then return nil end
  return (now - heard < KEEP_OPERATION or owes_a_word(operation)) and o
end

-- Up to n runs that may be due; each is not given again for `pause` ms, so instances share the work, and what one that
-- died has not seen to is seen to by the next. Answers {now, looked at, run …}, each with its name, the score to name
-- later, and the three fields that say all of it (records.lua).
function verbs.due(n, pause)
  local again, answer = now + tonumber(pause), {now, 0}
  for _, operation in ipairs(redis.call('ZRANGEBYSCORE', WATCH, '-inf', now, 'LIMIT', 0, n)) do
    answer[2] = answer[2] + 1
    local readable, o = pcall(look, operation)
    if not readable then -- it costs no other its turn
      redis.call('ZADD', WATCH, again, operation)
    elseif o then
      redis.call('ZADD', WATCH, again, operation)
      answer[#answer + 1] = {operation, again, o.known.state, o.known.run, o.known.facts}
    else
      leave(operation)
    end
  end
  return answer
end

-- Three arguments a run: its name, the score it was given with, the ms at which to look again. Where something has
-- happened since, which moved the score, that decides.
function verbs.again(...)
  local args = {...}
  for i = 1, #args, 3 do
    if tonumber(redis.call('ZSCORE', WATCH, args[i]) or '') == tonumber(args[i + 1]) then
      redis.call('ZADD', WATCH, args[i + 2], args[i])
    end
  end
end

-- Reconciliation (relay/background/reconciliation.py): one process in each period asks the platform. Answers the ms up to which new
-- runs are known, 0 if no round was ever finished.
function verbs.turn(period)
  local t = redis.call('HMGET', P .. 'ticks', 'asked', 'reconciled')
  if now - tonumber(t[1] or '0') < tonumber(period) then return false end
  redis.call('HSET', P .. 'ticks', 'asked', now)
  return tonumber(t[2] or '0')
end

function verbs.finished(at)
  redis.call('HSET', P .. 'ticks', 'reconciled', at)
end

-- The runs, but no batches, of one project among n, from place `from` on, that were not heard of for `quiet` ms. Answers {looked at,
-- run …}, each with the ms since which it has waited and what it is. What moves between two pages, the next round sees.
function verbs.unheard(from, n, quiet, platform, tenant, project)
  local found = redis.call('ZRANGE', WATCH, from, from + n - 1)
  local answer = {#found}
  for _, operation in ipairs(found) do
    local o = operation_record(operation)
    o:read({'state', 'run', 'facts'})
    local heard, id = o:number('watch:heard'), o:get('id')
    local batch = o:get('seq:batch.started') or o:get('seq:batch.operation.completed')
    if heard and id and not batch and now - heard >= tonumber(quiet) and (o:get('fact:tenant') or tenant) == tenant
      and (o:get('fact:project') or project) == project and (o:get('fact:platform') or platform) == platform then
      local since = math.max(heard, o:number('watch:asked') or 0)
      answer[#answer + 1] = {operation, since, o.known.state, o.known.run, o.known.facts}
    end
  end
  return answer
end

-- The platform is asked about these: others come first next time, also where it does not know them any more.
function verbs.asked(...)
  for _, operation in ipairs({...}) do
    local o = operation_record(operation)
    if o:get('state') then
      o:set('watch:asked', now)
      o:write()
    end
  end
end

return verbs[ARGV[3]](unpack(ARGV, 4))
