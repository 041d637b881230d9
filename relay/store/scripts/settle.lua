#!lua flags=allow-oom
-- settle: what workers do to the deliveries they hold, in one step for a whole batch.
-- KEYS[1] the ledger. ARGV from 3: lease (ms), then one JSON request each: {"verb", "id", "lease", …}.
-- Answers 'ok', 'stale' where the lease is no longer the worker's, or an error that leaves the lease to lapse.
-- Every verb may be repeated, and a fault in one request never touches its neighbours.
--- @include "outcomes"
--- @include "pauses"
--- @include "overflow"
--- @include "suppressions"
local lease_ms = tonumber(ARGV[3])

-- What the next digest compares itself with. One that is settled late does not replace a newer one.
local function keep(kept, destination, address)
  local key = digests_key(destination, address)
  if tonumber(redis.call('HGET', key, 'to') or '0') < kept.to then
    redis.call('HSET', key, 'to', kept.to, 'last', kept.last)
  end
  for day, counts in pairs(kept.days) do
    redis.call('HINCRBY', key, 'c:' .. day, counts[1])
    redis.call('HINCRBY', key, 'f:' .. day, counts[2])
  end
  for _, name in ipairs(redis.call('HKEYS', key)) do
    if name:match('^[cf]:') and name:sub(3) < kept.oldest then redis.call('HDEL', key, name) end
  end
  redis.call('PEXPIRE', key, 60 * DAY)
end

local verbs = {}

-- The mark before the first byte leaves: from here on a crash leaves the outcome unknown.
function verbs.begin(id)
  if field(id, 'sending') ~= '1' then redis.call('HINCRBY', delivery_key(id), 'attempts', 1) end
  redis.call('HSET', delivery_key(id), 'sending', '1')
  redis.call('ZADD', LEASES, now + lease_ms, id)
end

function verbs.extend(id) redis.call('ZADD', LEASES, now + lease_ms, id) end

function verbs.release(id, request)
  redis.call('HINCRBY', delivery_key(id), 'claims', -1)
  requeue(id, now + (request.delay or 0))
end

function verbs.complete(id, request)
  local d = redis.call('HMGET', delivery_key(id), 'operation', 'destination', 'lane', 'channel', 'seq', 'kind', 'attempts',
                       'address', 'limits', 'unknowns')
  local calls = cjson.decode(d[9])
  lift_holds(d[4], calls[converges(d[6]) and not request.new and 'edit' or 'new'])
  if converges(d[6]) then
    local thread = thread_key(d[3])
    if request.new then redis.call('HSET', thread, 'posted', now, 'posted_seq', d[5], 'posted_of', d[1]) end
    for name, value in pairs(request.thread) do redis.call('HSET', thread, 't:' .. name, value) end
    redis.call('HSET', thread, 'sent', now, 'done', request.lease)
    if d[10] ~= '0' then redis.call('HDEL', thread, 'doubt') end
    if request.new then remove_entry(d[3], d[1]) end
    redis.call('PEXPIRE', thread, KEEP_OPERATION)
    -- What came in meanwhile keeps its distance from this edit, unless it is the outcome.
    local waiting = redis.call('HGET', thread, 'waiting')
    if waiting and field(waiting, 'urgent') ~= '1' then
      local apart = now + tonumber(redis.call('HGET', thread, 'interval') or '0')
      set_due(waiting, math.max(due_of(waiting), apart))
    end
  end
  count('pending', -1)
  count('delivered')
  note(d[1], 'delivered', d[2], d[6], tonumber(d[7]), request.detail)
  resume(d[4], d[2], d[8], calls.own)
  if request.kept and d[6] == 'digest' then keep(request.kept, d[2], d[8]) end
  redis.call('DEL', bounces_key(d[8]))
  leave_lane(id, d[3])
  forget(id)
end

function verbs.reschedule(id, request)
  local key = delivery_key(id)
  local d = redis.call('HMGET', key, 'operation', 'destination', 'attempts')
  pause(request)
  redis.call('HSET', key, 'error', request.error, 'claims', 0)
  redis.call('HSETNX', key, 'failing', now)
  note(d[1], 'failed', d[2], tonumber(d[3]), request.error, request.delay)
  if request.free then redis.call('HINCRBY', key, 'attempts', -1) end
  if request.unknown then
    count('unknown_outcomes')
    if redis.call('HINCRBY', key, 'unknowns', 1) > 1 then
      return bury(id, 'outcome_unknown', request.error)
    end
  end
  requeue(id, now + (held_long(request) and 0 or request.delay))
end

function verbs.bury(id, request)
  if request.bounce then
    local d = redis.call('HMGET', delivery_key(id), 'operation', 'destination', 'address')
    if bounce(id, d[3], request.bounce, request.error) == 1 then note(d[1], 'suppressed', d[2], d[3], request.error) end
  end
  bury(id, request.reason, request.error)
end

-- Relay could not read what it claimed: it waits for another release, and is given up when it was claimed too often.
function verbs.unreadable(id, request)
  redis.call('HSET', delivery_key(id), 'error', request.error, 'unreadable', 1)
  requeue(id, now + lease_ms)
end

-- The message stands, and the state that waits is newer: it is shown there, and not in a second message.
local function adopt(request, spec)
  local thread = thread_key(request.lane)
  local calls = redis.call('HGET', thread, 'calls')
  for name, value in pairs(request.thread) do redis.call('HSET', thread, 't:' .. name, value) end
  redis.call('HSET', thread, 'posted', now, 'posted_seq', 0, 'posted_of', spec.operation, 'sent', now, 'calls', '')
  -- An outcome in it would have called people as a new message. An edit calls nobody.
  if calls and calls ~= '' then
    local o, id = operation_record(spec.operation), request.id .. '-call'
    local run, call = (redis.call('HGET', thread, 'call') or ''):match('^(%d+) (.*)$')
    local body = o:get('doc:' .. calls) or run and tonumber(run) == o:number('retry') and call
    if body then -- else its documents are gone
      redis.call('HSET', P .. 'event:' .. id, 'body', body, 'refs', 1)
      spec.kind, spec.name, spec.event, spec.lane = 'reply', calls, id, replies_of(request.lane)
      spec.due, spec.seq, spec.urgent = now, o:number('seq') or 0, '1'
      create(id, spec)
    end
  end
  release_replies(request.id, request.lane)
end

-- A worker that had lost its lease says what it did. If it touched a live message, an old state may now stand
-- over a newer one: show the present state once more.
local function repair(request)
  if request.verb ~= 'complete' or not request.lane then return end
  local t = redis.call('HMGET', thread_key(request.lane), 'spec', 'waiting', 'done', 'posted', 'flying', 'name', 'seq')
  if t[1] and request.new and not t[4] and not t[5] then adopt(request, spec_from(t[1])) end
  if not t[1] or t[2] or t[3] == request.lease then return end -- the last: only the answer to this had been lost
  local spec = spec_from(t[1])
  spec.due, spec.urgent, spec.name, spec.seq = now, '1', t[6], t[7]
  -- A number and no time: two in one ms, or at a time that comes again, are two.
  create(request.id .. '-repair-' .. redis.call('HINCRBY', thread_key(request.lane), 'repairs', 1), spec)
  note(spec.operation, 'repair', spec.destination)
end

local KEEPS_LEASE = {begin = true, extend = true}

-- The lease is the worker's. Or it has lapsed, and nobody has begun since: then what has arrived need not be told again.
local function holds(request)
  local d = redis.call('HMGET', delivery_key(request.id), 'lease', 'lapsed', 'died')
  if d[1] == request.lease then return true end
  return request.verb == 'complete' and d[1] == '' and d[2] == request.lease and not d[3]
end

local function settle(text)
  local request = cjson.decode(text)
  if not holds(request) then
    repair(request)
    return 'stale'
  end
  verbs[request.verb](request.id, request)
  -- Last: if anything above fails, the lease lapses and the delivery is found again.
  if not KEEPS_LEASE[request.verb] then redis.call('ZREM', LEASES, request.id) end
  return 'ok'
end

local answers = {}
for i = 4, #ARGV do
  local done, answer = pcall(settle, ARGV[i])
  answers[#answers + 1] = done and answer or 'error: ' .. (type(answer) == 'table' and answer.err or tostring(answer))
end
return answers
