-- lease: who owns the partition, and which processes live.
-- KEYS: owner, term, mark, pulses, handed. ARGV: verb, process, how long it lasts (ms), verb's own.
-- A renewal changes the owner's value, so that others see it live even when Redis's clock was set.
local verb, process, lasts = ARGV[1], ARGV[2], tonumber(ARGV[3])
local BACK = ''  -- among the pulses: the first one after an outage
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local owner = redis.call('GET', KEYS[1])
local mine = owner and string.sub(owner, 1, #process + 1) == process .. ' '

local function pulse()
  local before = redis.call('ZREVRANGEBYSCORE', KEYS[4], now, '-inf', 'WITHSCORES', 'LIMIT', 0, 1)[2]
  if not before or now - before > lasts then redis.call('ZADD', KEYS[4], now, BACK) end
  redis.call('ZADD', KEYS[4], now, process)
  redis.call('ZREMRANGEBYSCORE', KEYS[4], '-inf', now - 86400000)
end

local function living()
  return redis.call('ZRANGEBYSCORE', KEYS[4], now - lasts, now)
end

local verbs = {}

function verbs.pulse()
  pulse()
  return {'held', now, owner or '', unpack(living())}
end

-- ARGV: a number that no other of this process has, a term that is surely over, an owner that has not moved for longer
-- than a lease lasts (*: whatever it is, it is gone), how long after an outage only its owner may go on (ms).
-- Answers {taken, now, term, mark, 1 after a handover, processes}; {held, now, owner, processes}.
function verbs.take()
  pulse()
  local back = tonumber(redis.call('ZSCORE', KEYS[4], BACK) or 0)
  if back > now then
    back = now
    redis.call('ZADD', KEYS[4], now, BACK)
  end
  -- Nobody ever owned it, or gave it up in good order: nothing of anybody is under way.
  local term = redis.call('GET', KEYS[2])
  local free = not term or term == redis.call('GET', KEYS[5])
  local waits = owner and owner ~= ARGV[6] or not owner and not free and now - back < tonumber(ARGV[7])
  if waits and not mine and ARGV[6] ~= '*' then
    return {'held', now, owner or '', unpack(living())}
  end
  local was = redis.call('GET', KEYS[2]) or '0'
  local term = string.format('%.0f', math.max(tonumber(was), tonumber(ARGV[5])) + 1)
  redis.call('SET', KEYS[2], term)
  redis.call('SET', KEYS[1], process .. ' ' .. ARGV[4], 'PX', lasts)
  local handed = redis.call('GET', KEYS[5]) == was and 1 or 0
  return {'taken', now, term, redis.call('GET', KEYS[3]) or '', handed, unpack(living())}
end

-- ARGV: as above a number, the term, the mark of its last commit. Answers {renewed or refused, now, owner, processes}.
function verbs.renew()
  local same = redis.call('GET', KEYS[2]) == ARGV[5] and (redis.call('GET', KEYS[3]) or '') == ARGV[6]
  if not same or owner and not mine then return {'refused', now, owner or ''} end
  pulse()
  redis.call('SET', KEYS[1], process .. ' ' .. ARGV[4], 'PX', lasts)
  return {'renewed', now, owner or '', unpack(living())}
end

-- ARGV: the term, 1 where the process lives on: what it sends is left alone until it says what became of that.
function verbs.give()
  if ARGV[5] == '1' then pulse() else redis.call('ZREM', KEYS[4], process) end
  if mine and redis.call('GET', KEYS[2]) == ARGV[4] then
    redis.call('SET', KEYS[5], ARGV[4])
    redis.call('DEL', KEYS[1])
  end
  return {'given', now, ''}
end

return verbs[verb]()
