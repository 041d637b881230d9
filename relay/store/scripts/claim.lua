#!lua flags=allow-oom
-- claim: lease up to n due deliveries of one channel. A lease, never a pop: a crashed worker's lapse by themselves.
-- KEYS[1] the ledger. ARGV from 3: channel, n, lease (ms), worker, token.
-- Answers {ms until the next one is due or '', delivery …}, each delivery a flat array (see store.py).
local channel, n, lease_ms, worker, token = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6], ARGV[7]
local SCAN = 200
local RECHECK = 5000
local MAX_CLAIMS = 8 -- claimed this often without one attempt: it kills its workers

-- A lease ran out: its worker died or lost touch. Before the begin-marker nothing was sent. After it nobody
-- knows; an edit may be repeated freely, a new message once.
local function reap(id)
  redis.call('ZREM', LEASES, id)
  local d = redis.call('HMGET', delivery_key(id), 'sending', 'kind', 'lane', 'operation', 'destination')
  if not d[2] then return end
  note(d[4], 'lease lapsed', d[5], d[1] == '1' and 'outcome unknown' or 'not sent')
  if d[1] == '1' and not (d[2] == 'live' and redis.call('HGET', thread_key(d[3]), 'posted')) then
    count('unknown_outcomes')
    if redis.call('HINCRBY', delivery_key(id), 'unknowns', 1) > 1 then
      return bury(id, 'outcome_unknown', 'two attempts ended without an answer; it may have arrived')
    end
  end
  requeue(id, now)
end

for _, id in ipairs(redis.call('ZRANGEBYSCORE', LEASES, '-inf', now, 'LIMIT', 0, 50)) do reap(id) end

local function outdated(id, kind, lane, seq, name, operation)
  local thread = redis.call('HMGET', thread_key(lane), 'waiting', 'posted_seq')
  if kind == 'live' and thread[1] and thread[1] ~= id then return 'newer state' end
  if kind == 'reply' and tonumber(thread[2] or '-1') >= seq then return 'told by the message itself' end
  if kind == 'each' and name == 'operation.progress' then
    local o = redis.call('HMGET', operation_key(operation), 'rank', 'seq')
    if o[1] == '2' and tonumber(o[2]) > seq then return 'the run is over' end
  end
end

local blocked = {} -- per limit: how many of this scan wait for it, so that they queue up behind each other

-- Looked at again after RECHECK at the latest: a pause may end early, by a success or a reload.
local function paused(scope)
  local till = tonumber(redis.call('HGET', P .. 'pause:' .. scope, 'until') or '0')
  return math.min(math.max(till - now, 0), RECHECK)
end

-- The pause of something broken is over: this delivery goes ahead to probe, and the others wait for its success.
local function probe(scope)
  local key = P .. 'pause:' .. scope
  if redis.call('HGET', key, 'probe') then redis.call('HSET', key, 'until', now + lease_ms) end
end

-- GCRA: `at` is when the limit's next free slot would be if all of its burst were used.
local function limited(limit)
  local name, period, burst = limit[1], limit[2], limit[3]
  local wait = paused('limit:' .. name)
  if wait > 0 then return wait end
  local at = math.max(tonumber(redis.call('GET', P .. 'rate:' .. name) or '0'), now)
  wait = math.max(0, at - (burst - 1) * period - now)
  if wait == 0 then return 0 end
  blocked[name] = (blocked[name] or -1) + 1
  return wait + blocked[name] * period
end

local function spend(limit)
  local key = P .. 'rate:' .. limit[1]
  local at = math.max(tonumber(redis.call('GET', key) or '0'), now) + limit[2]
  redis.call('SET', key, at, 'PX', math.ceil(at - now) + 1000)
end

local FIELDS = {'operation', 'destination', 'address', 'kind', 'name', 'lane', 'limits', 'event', 'seq',
                'attempts', 'claims', 'unknowns', 'created'}

local function wait_of(d)
  local limits = cjson.decode(d.limits)
  local edit = d.kind == 'live' and redis.call('HGET', thread_key(d.lane), 'posted')
  d.calls = edit and limits.edit or limits.new
  for _, limit in ipairs(d.calls) do
    local wait = limited(limit)
    if wait > 0 then return wait end
  end
  d.scopes = {'channel:' .. channel, 'destination:' .. d.destination .. '/' .. d.address}
  return math.max(paused(d.scopes[1]), paused(d.scopes[2]), paused('lane:' .. d.lane))
end

-- What is known of the operation up to this delivery, oldest first: a live message shows the present.
local function history(d)
  local flat, docs = redis.call('HGETALL', operation_key(d.operation)), {}
  local all, seqs = {}, {}
  for i = 1, #flat, 2 do all[flat[i]] = flat[i + 1] end
  for name, value in pairs(all) do
    local seq = name:match('^doc:') and tonumber(all['seq:' .. name:sub(5)])
    if seq and (d.kind == 'live' or seq <= d.seq) then
      seqs[#seqs + 1] = seq
      docs[seq] = value
    end
  end
  table.sort(seqs)
  local ordered = {}
  for i, seq in ipairs(seqs) do ordered[i] = docs[seq] end
  return ordered, tonumber(all.seq or '0')
end

local function take(id, d, set)
  local known, seq = history(d)
  local body = d.event ~= '' and redis.call('HGET', P .. 'event:' .. d.event, 'body') or ''
  if body == '' and #known == 0 then
    bury(id, 'expired', 'what it should tell was forgotten 30 days after the last event')
    return nil
  end
  for _, limit in ipairs(d.calls) do spend(limit) end
  for _, scope in ipairs(d.scopes) do probe(scope) end
  local lease = worker .. ':' .. token .. ':' .. id
  redis.call('ZREM', set, id)
  redis.call('ZADD', LEASES, now + lease_ms, id)
  redis.call('HSET', delivery_key(id), 'lease', lease, 'claims', d.claims + 1)
  if d.kind == 'live' then
    redis.call('HSET', delivery_key(id), 'seq', seq)
    redis.call('HSET', thread_key(d.lane), 'flying', id)
    redis.call('HDEL', thread_key(d.lane), 'waiting')
  end
  local thread, flat = {}, redis.call('HGETALL', thread_key(d.lane))
  for i = 1, #flat, 2 do
    local name = flat[i]:match('^t:(.*)$')
    if name then
      thread[#thread + 1] = name
      thread[#thread + 1] = flat[i + 1]
    end
  end
  return {id, lease, d.destination, channel, d.address, d.kind, d.attempts, d.unknowns, d.created, body, known, thread}
end

local function claim(id, set)
  local row = redis.call('HMGET', delivery_key(id), unpack(FIELDS))
  if not row[1] then
    redis.call('ZREM', set, id)
    return nil
  end
  local d = {}
  for i, name in ipairs(FIELDS) do d[name] = row[i] end
  d.seq, d.claims, d.attempts = tonumber(d.seq), tonumber(d.claims), tonumber(d.attempts)
  local why = outdated(id, d.kind, d.lane, d.seq, d.name, d.operation)
  if why then
    supersede(id, d.operation, d.destination, d.lane, why)
    return nil
  end
  if d.claims >= MAX_CLAIMS then
    bury(id, 'worker_crashed', 'claimed ' .. d.claims .. ' times, and each time its worker died before an attempt')
    return nil
  end
  local wait = wait_of(d)
  if wait > 0 then
    redis.call('HSET', delivery_key(id), 'due', now + wait)
    redis.call('ZADD', set, now + wait, id)
    return nil
  end
  return take(id, d, set)
end

-- The answer to an earlier call with this token was lost on its way: it is given again, nothing more is taken.
local claimed = P .. 'claimed:' .. worker .. ':' .. channel
local last = redis.call('GET', claimed)
if last and last:sub(1, #token + 1) == token .. ' ' then
  for id in last:sub(#token + 2):gmatch('%S+') do
    if field(id, 'lease') == worker .. ':' .. token .. ':' .. id and field(id, 'sending') == '' then
      redis.call('ZREM', LEASES, id)
      redis.call('HINCRBY', delivery_key(id), 'claims', -1)
      requeue(id, now)
    end
  end
end

local answer, ids = {''}, {}
local sets = {due_key(channel, '1'), due_key(channel, '')}
for _, set in ipairs(sets) do
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', set, '-inf', now, 'LIMIT', 0, SCAN)) do
    if #ids >= n then break end
    local taken = claim(id, set)
    if taken then
      answer[#answer + 1] = taken
      ids[#ids + 1] = id
    end
  end
end
if #ids > 0 then redis.call('SET', claimed, token .. ' ' .. table.concat(ids, ' '), 'PX', lease_ms) end
for _, set in ipairs(sets) do
  local first = redis.call('ZRANGE', set, 0, 0, 'WITHSCORES')
  if first[2] and (answer[1] == '' or tonumber(first[2]) - now < answer[1]) then
    answer[1] = math.max(0, math.ceil(tonumber(first[2]) - now))
  end
end
return answer
