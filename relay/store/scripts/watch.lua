-- watch: which runs the watchdog looks at now, and when again. What it makes of them, relay/policy/watchdog.py says.
-- Without allow-oom: a full Redis takes no events, so it must not find the runs silent either.
-- KEYS[1] the ledger. ARGV from 3: verb, arguments.
--- @include "watched"
local verbs = {}

-- The pulse of all processes together. gap, grace (ms): after more than `gap` without a tick relay was away, and what
-- came in meanwhile may be on its way still. Answers the ms until which nothing may be found wrong, and the number of
-- stalled runs.
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
  for _, operation in ipairs(redis.call('ZRANGEBYSCORE', WATCH, '-inf', old, 'LIMIT', 0, 1000)) do unwatch(operation) end
  return {now, till, redis.call('SCARD', STALLED)}
end

-- Up to n runs that may be due, with the named fields; each is not given again for `pause` ms, so instances share the
-- work, and what one that died has not seen to is seen to by the next. Answers {now, looked at, run …}.
function verbs.due(n, pause, ...)
  local again, answer = now + tonumber(pause), {now, 0}
  for _, operation in ipairs(redis.call('ZRANGEBYSCORE', WATCH, '-inf', now, 'LIMIT', 0, n)) do
    answer[2] = answer[2] + 1
    local key = operation_key(operation)
    local o = redis.call('HMGET', key, 'rank', 'watch:heard', 'watch:moved')
    for i, name in pairs({[2] = 'watch:heard', [3] = 'watch:moved'}) do -- the clock was set back since: it begins anew
      if tonumber(o[i] or '0') > now then redis.call('HSET', key, name, now) end
    end
    if o[1] and o[1] ~= '2' and o[2] and now - tonumber(o[2]) < KEEP_OPERATION then
      redis.call('ZADD', WATCH, again, operation)
      answer[#answer + 1] = {operation, again, redis.call('HMGET', key, ...)}
    else
      unwatch(operation)
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

-- The runs of one project among n, from place `from` on, that were not heard of for `quiet` ms. Answers {looked at,
-- run …}, each with the ms since which it has waited. What moves between two pages, the next round sees.
function verbs.unheard(from, n, quiet, platform, tenant, project)
  local found = redis.call('ZRANGE', WATCH, from, from + n - 1)
  local answer = {#found}
  for _, operation in ipairs(found) do
    local o = redis.call('HMGET', operation_key(operation), 'watch:heard', 'watch:asked', 'fact:tenant', 'fact:project',
                         'id', 'retry', 'percentage', 'watch:phase', 'fact:platform')
    local heard = tonumber(o[1] or '')
    if heard and o[5] and now - heard >= tonumber(quiet) and (o[3] or tenant) == tenant and (o[4] or project) == project
      and (o[9] or platform) == platform then
      answer[#answer + 1] = {operation, math.max(heard, tonumber(o[2] or '0')), o[5], o[6], o[7], o[8]}
    end
  end
  return answer
end

-- The platform is asked about these: others come first next time, also where it does not know them any more.
function verbs.asked(...)
  for _, operation in ipairs({...}) do
    local key = operation_key(operation)
    if redis.call('EXISTS', key) == 1 then redis.call('HSET', key, 'watch:asked', now) end
  end
end

return verbs[ARGV[3]](unpack(ARGV, 4))
