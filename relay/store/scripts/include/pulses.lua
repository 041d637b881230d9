-- Signs of life, and of a clock that was set back.
-- One a second from each process. A process without one for PULSE_LIFE is dead, and what it held comes
-- back without waiting for the lease. Where nobody gave a sign, Redis was away: that time counts as PULSE_GAP, and who
-- holds something may settle it first.
--- @include "queues"
--- @include "watched"
local PULSES = P .. 'pulses'
local PULSE_GAP, PULSE_LIFE = 2000, 4000

-- The leases of this worker, or all of them, lapse: the claims to come take them back. For good, hence no time.
local function lapse(worker)
  for _, id in ipairs(redis.call('ZRANGE', LEASES, 0, -1)) do
    local lease = field(id, 'lease') or ''
    if not worker or lease:sub(1, #worker + 1) == worker .. ':' then redis.call('ZADD', LEASES, 0, id) end
  end
end

local function pulse(worker, lease_ms)
  local all = redis.call('ZRANGE', PULSES, 0, -1, 'WITHSCORES')
  local away = #all > 0 and now - tonumber(all[#all]) - PULSE_GAP or 0
  if away > 0 then
    for i = 1, #all, 2 do redis.call('ZINCRBY', PULSES, away, all[i]) end
    local leases = redis.call('ZRANGEBYSCORE', LEASES, '(0', '+inf', 'WITHSCORES')
    for i = 1, #leases, 2 do
      redis.call('ZADD', LEASES, 'GT', math.min(leases[i + 1] + away, now + lease_ms), leases[i])
    end
  end
  redis.call('ZADD', PULSES, now, worker)
  redis.call('PEXPIRE', PULSES, 7 * DAY)
  for _, dead in ipairs(redis.call('ZRANGEBYSCORE', PULSES, '-inf', '(' .. now - PULSE_LIFE)) do
    lapse(dead)
    redis.call('ZREM', PULSES, dead)
  end
end

-- Redis's clock was set back by `step` ms: what waited for a time waits as long as it had to, and not for `step` more.
-- Here all that is in a queue; what is read key by key is set right where it is read. A crash of Redis in the middle
-- does it again.
local function step_back(step)
  local function earlier(set)
    local rows = redis.call('ZRANGEBYSCORE', set, '(' .. now, '+inf', 'WITHSCORES')
    for i = 1, #rows, 2 do redis.call('ZADD', set, rows[i + 1] - step, rows[i]) end
    return rows
  end
  earlier(PULSES)
  earlier(PARKING)
  earlier(LEASES)
  earlier(WATCH)
  for _, channel in ipairs(redis.call('SMEMBERS', CHANNELS)) do
    for _, urgency in ipairs(URGENCIES) do
      local set = due_key(channel, urgency)
      local rows = redis.call('ZRANGEBYSCORE', set, '(' .. now, '+inf', 'WITHSCORES')
      for i = 1, #rows, 2 do
        local d = redis.call('HMGET', delivery_key(rows[i]), 'kind', 'created')
        if d[1] and not BOXED[d[1]] then
          local due = rows[i + 1] - step
          redis.call('HSET', delivery_key(rows[i]), 'due', due, 'dated', now, 'created', math.min(now, tonumber(d[2])))
          redis.call('ZADD', set, due, rows[i])
        end
      end
    end
  end
  for _, name in ipairs({'last', 'asked', 'reconciled', 'back'}) do
    if tonumber(redis.call('HGET', P .. 'ticks', name) or '0') > now then redis.call('HSET', P .. 'ticks', name, now) end
  end
  redis.call('HSET', P .. 'ticks', 'step', step, 'stepped', now)
  local grace = tonumber(redis.call('HGET', P .. 'ticks', 'grace') or '0')
  if grace > now then redis.call('HSET', P .. 'ticks', 'grace', grace - step) end
end
