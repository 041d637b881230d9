-- accept: identity, order, gates, deliveries and ledger of every event of a batch, in one step.
-- KEYS[1] the ledger. ARGV from 3: window (ms), then four per event: delivery digest ('' if none), fact
-- digest (16 bytes each), plan (JSON, see wire.py), body. Answers one array per event; a fault in one event
-- never touches its neighbours, and is not remembered: the sender's next try is accepted.
local WINDOW = tonumber(ARGV[3])
local BUCKET = math.floor(WINDOW / 2) -- three buckets cover the window, and a fourth is never needed
local TERMINAL, RUNNING, INITIATED = 2, 1, 0

-- Digests live in small sets that Redis packs tightly: 21 bytes an event instead of 152 for a key each.
local function shard(bucket, digest)
  return P .. 'seen:' .. bucket .. ':' .. (string.byte(digest, 1) * 16 + math.floor(string.byte(digest, 2) / 16))
end

local function seen(digest)
  if digest == '' then return false end
  local bucket = math.floor(now / BUCKET)
  for age = 0, 2 do
    if redis.call('SISMEMBER', shard(bucket - age, digest), digest) == 1 then return true end
  end
  return false
end

local remembered = {} -- by the event at hand

local function remember(digest)
  if digest == '' then return end
  local key = shard(math.floor(now / BUCKET), digest)
  redis.call('SADD', key, digest)
  remembered[#remembered + 1] = {key, digest}
  redis.call('PEXPIRE', key, 2 * WINDOW)
end

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

local function read(key)
  local f = redis.call('HMGET', key, 'rank', 'retry', 'percentage', 'phases', 'at')
  return {rank = tonumber(f[1]), retry = tonumber(f[2]), percentage = tonumber(f[3]), phases = tonumber(f[4]),
          at = tonumber(f[5])}
end

-- A retry starts afresh: what the failed run said must not show in the new one, nor hold back its progress.
local function start_over(key)
  for _, name in ipairs(redis.call('HKEYS', key)) do
    if name:match('^gate:') or name:match('^doc:') or name:match('^seq:') then redis.call('HDEL', key, name) end
  end
  redis.call('HDEL', key, 'percentage', 'phases')
end

-- An outcome that still waits to be posted would vanish with the run that it ended: it becomes a message of its own.
local function keep_outcome(key, target)
  local thread = thread_key(target.lane)
  local waiting = redis.call('HGET', thread, 'waiting')
  if not waiting or redis.call('HEXISTS', thread, 'posted') == 1 then return end
  local d = redis.call('HMGET', delivery_key(waiting), 'urgent', 'name')
  local body = d[1] == '1' and redis.call('HGET', key, 'doc:' .. d[2])
  if not body then return end
  redis.call('HSET', P .. 'event:' .. waiting, 'body', body, 'refs', 1)
  redis.call('HSET', delivery_key(waiting), 'kind', 'reply', 'event', waiting)
  redis.call('HDEL', thread, 'waiting')
end

local function advance(key, plan, was, body)
  local seq = redis.call('HINCRBY', key, 'seq', 1)
  redis.call('HSETNX', key, 'first', now)
  redis.call('HSET', key, 'id', plan.subject, 'last', now)
  for name, value in pairs(plan.facts) do redis.call('HSET', key, 'fact:' .. name, value) end
  if plan.rank then
    if was.retry and plan.retry > was.retry then
      start_over(key)
      was = {}
    end
    redis.call('HSET', key, 'rank', plan.rank, 'retry', plan.retry, 'status', plan.status, 'at', plan.at)
    if plan.percentage and plan.rank == RUNNING then
      redis.call('HSET', key, 'percentage', math.max(plan.percentage, was.percentage or 0))
    end
    if plan.phases then redis.call('HSET', key, 'phases', math.max(plan.phases, was.phases or 0)) end
    redis.call('HSET', key, 'doc:' .. plan.name, body, 'seq:' .. plan.name, seq)
  end
  redis.call('PEXPIRE', key, KEEP_OPERATION)
  return seq
end

-- Progress is told again only once it has moved far enough; the mark moves in the same step as the delivery
-- is made, so two instances cannot both pass and a crash cannot move it without a delivery.
local function gate(key, plan, target)
  if not plan.progress then return nil end
  local name = 'gate:' .. target.lane
  local mark = redis.call('HGET', key, name)
  local told, at, phase = nil, nil, nil
  if mark then told, at, phase = mark:match('^(%S*) (%S*) (.*)$') end
  told, at = tonumber(told), tonumber(at)
  local pass, reason = #target.gates == 0 or not mark or plan.percentage == 100, 'increment'
  for _, g in ipairs(target.gates) do
    local moved = g[1] == 0 or (plan.percentage and told and plan.percentage >= told + g[1])
      or (target.phase_passes or not plan.percentage) and plan.phase ~= phase
    local waited = not at or now >= at + g[2]
    if moved and waited then pass = true elseif moved then reason = 'interval' end
  end
  if not pass then return reason end
  redis.call('HSET', key, name, (plan.percentage or told or '') .. ' ' .. now .. ' ' .. plan.phase)
end

local function spec_of(plan, target, seq, kind)
  return {operation = plan.operation, destination = target.destination, channel = target.channel,
          address = target.address, kind = kind, name = plan.name, lane = target.lane, limits = target.limits,
          event = kind == 'live' and '' or plan.event, urgent = plan.urgent, seq = seq, due = now}
end

-- A terminal event does not wait for the retry of a progress message that it makes pointless.
local function hurry(lane)
  local head = redis.call('LINDEX', lane_key(lane), 0)
  if head and field(head, 'name') == 'operation.progress' and field(head, 'lease') == '' then
    redis.call('HSET', delivery_key(head), 'due', now)
    make_due(head)
  end
end

-- live: at most one delivery waits in the lane; it means "show the present state", so a newer event joins it.
local function refresh(plan, target, key, seq)
  local thread = thread_key(target.lane)
  local t = redis.call('HMGET', thread, 'waiting', 'flying', 'posted', 'sent')
  local waiting, flying, posted, sent = t[1], t[2], t[3], tonumber(t[4])
  local spec = spec_of(plan, target, seq, 'live')
  if not plan.urgent then
    if posted then spec.due = math.max(now, (sent or 0) + target.min_interval)
    else spec.due = math.max(now, tonumber(redis.call('HGET', key, 'first')) + target.post_after) end
  end
  if waiting then
    local was = tonumber(field(waiting, 'due'))
    local due = plan.urgent and now or math.min(was, math.max(spec.due, now))
    if tonumber(field(waiting, 'attempts')) > 0 and not plan.urgent then due = was end -- its back-off holds
    redis.call('HSET', delivery_key(waiting), 'seq', seq, 'name', plan.name, 'due', due,
               'urgent', (plan.urgent or field(waiting, 'urgent') == '1') and '1' or '')
    make_due(waiting)
    count('accepted')
    count('superseded')
  else
    create(target.id, spec)
  end
  redis.call('HSET', thread, 'spec', cjson.encode(spec), 'interval', target.min_interval)
  redis.call('PEXPIRE', thread, KEEP_OPERATION)
  if target.reply and (posted or flying) then
    create(target.id .. '-reply', spec_of(plan, target, seq, 'reply'))
    return 1
  end
  return 0
end

local function accept(delivery_digest, fact_digest, plan, body)
  count('received') -- writes first: a full Redis refuses here, with nothing done
  if seen(delivery_digest) or seen(fact_digest) then
    count('duplicates')
    return {'duplicate', 0}
  end
  local key = operation_key(plan.operation)
  local was = read(key)
  remember(delivery_digest)
  remember(fact_digest)
  if late(plan, was) then
    count('late')
    note(plan.operation, 'late', plan.name, plan.percentage or '')
    return {'late', 0}
  end
  if plan.rank and was.retry and plan.retry > was.retry then
    for _, target in ipairs(plan.targets) do keep_outcome(key, target) end
  end
  local seq = advance(key, plan, was, body)
  note(plan.operation, 'accepted', plan.name, plan.status, plan.percentage or '', plan.sender)
  count('events')
  if #plan.targets == 0 then
    count('accepted')
    count('held:no_rule')
    note(plan.operation, 'held', '', 'no_rule')
    return {'accepted', 0, '', 'no_rule'}
  end
  local answer, references = {'accepted', 0}, 0
  for _, target in ipairs(plan.targets) do
    local reason = gate(key, plan, target)
    if reason then
      count('accepted')
      count('held:' .. reason)
      note(plan.operation, 'held', target.destination, reason)
      answer[#answer + 1] = target.destination
      answer[#answer + 1] = reason
    else
      answer[2] = answer[2] + 1
      if target.mode == 'live' and plan.rank then
        references = references + refresh(plan, target, key, seq)
      else
        -- An event without a rank changes no state that a live message could show: it is told beside it.
        create(target.id, spec_of(plan, target, seq, target.mode == 'live' and 'reply' or 'each'))
        if plan.rank == TERMINAL then hurry(target.lane) end
        references = references + 1
      end
      note(plan.operation, 'queued', target.destination, target.address)
    end
  end
  if references > 0 then redis.call('HSET', P .. 'event:' .. plan.event, 'body', body, 'refs', references) end
  return answer
end

local answers = {}
for i = 4, #ARGV, 4 do
  remembered = {}
  local done, answer = pcall(function()
    return accept(ARGV[i], ARGV[i + 1], cjson.decode(ARGV[i + 2]), ARGV[i + 3])
  end)
  if not done then
    for _, one in ipairs(remembered) do redis.call('SREM', one[1], one[2]) end
    answer = {'error', type(answer) == 'table' and answer.err or tostring(answer)}
  end
  answers[#answers + 1] = answer
end
return answers
