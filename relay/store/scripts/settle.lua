#!lua flags=allow-oom
-- settle: what workers do to the deliveries they hold, in one step for a whole batch.
-- KEYS[1] the ledger. ARGV from 3: lease (ms), then one JSON request each: {"verb", "id", "lease", …}. Behind one that completes,
-- and a zero byte, may stand a copy of what was sent.
-- Answers 'ok', 'stale' where the lease is no longer the worker's, 'over' (silence), or an error that leaves the lease to lapse. Behind
-- these, for each channel in which somebody let go of one: its name, and the ms until the next is due, if any is queued.
-- Every verb may be repeated, and a fault in one request never touches its neighbours.
--- @include "outcomes"
--- @include "pauses"
--- @include "overflow"
--- @include "suppressions"
--- @include "due"
--- @include "steps"
--- @include "callers"
--- @include "copies"
--- @include "withholding"
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
function verbs.begin(id, _, d)
  redis.call('HSET', delivery_key(id), 'sending', '1', 'attempts', d.attempts + (d.sending == '1' and 0 or 1), 'marked', now)
end

function verbs.extend() end

function verbs.release(id, request)
  redis.call('HINCRBY', delivery_key(id), 'claims', -1)
  requeue(id, now + (request.delay or 0))
end

-- It will make no call: what comes next need not wait for the slots that it took.
local function refund_slots(d)
  for _, limit in ipairs(cjson.decode(d.limits).new) do
    local key = P .. 'rate:' .. limit[1]
    local at = tonumber(redis.call('GET', key) or '0') - limit[2]
    if at > now then redis.call('SET', key, at, 'PX', math.ceil(at - now) + 1000) else redis.call('DEL', key) end
  end
end

-- A silence means it. how: bundled, into what is told at its end; later, by itself then; or dropped. One that is over, as
-- its worker has not heard yet, or by whose clock it is not, leaves the lease: given back, it would come again at once.
function verbs.silence(id, request, d)
  local silence = request.silence
  if silences.over(silence) then return 'over' end
  redis.call('HINCRBY', delivery_key(id), 'claims', -1)
  refund_slots(d)
  requeue(id, now)
  if not field(id, 'operation') then return end -- a newer state is told instead
  if request.how == 'dropped' or request.how == 'bundled' and silences.bundle(id, d, silence) then
    move_to_bundle(id, d, 'silenced', silence[1])
    return
  end
  silences.await(silence, id)
  set_due(id, silence[3])
  make_due(id)
end

-- The message stands as this delivery showed it.
local function record_message(request, d)
  local thread = thread_key(d.lane)
  local row = {'sent', now, 'done', request.lease}
  local function set(name, value) row[#row + 1], row[#row + 2] = name, value end
  if request.new then
    set('posted', now)
    set('posted_seq', d.seq)
    set('posted_of', d.operation)
    set('edits', 0)
  end
  for name, value in pairs(request.thread) do set('t:' .. name, value) end
  redis.call('HSET', thread, unpack(row))
  if d.unknowns ~= '0' then redis.call('HDEL', thread, 'doubt') end
  if request.new then remove_entry(d.lane, d.operation) end
  redis.call('PEXPIRE', thread, KEEP_OPERATION)
  -- What came in meanwhile keeps its distance from this edit, unless it is the outcome.
  local t = redis.call('HMGET', thread, 'waiting', 'interval')
  if t[1] and field(t[1], 'urgent') ~= '1' then
    set_due(t[1], math.max(due_of(t[1]), now + tonumber(t[2] or '0')))
  end
end

function verbs.complete(id, request, d)
  local calls, live = cjson.decode(d.limits), converges(d.kind)
  lift_holds(d.channel, calls[live and not request.new and 'edit' or 'new'])
  if live then record_message(request, d) end
  count('pending', -1)
  count('delivered')
  note(d.operation, 'delivered', d.destination, d.kind, tonumber(d.attempts), request.detail)
  if live and not request.new then -- the row is of the message; of its edits the thread has how many, and when the last was
    redis.call('HINCRBY', thread_key(d.lane), 'edits', 1)
  else
    record_end(id, 'delivered', nil, request.detail, d)
    record_alarm_sent(d)
  end
  confirm_told(id, d)
  resume(d.channel, d.destination, d.address, calls.own)
  if request.copies then pcall(keep_copy, request.copies[1], request.copy, request.copies[2], request.copies[3]) end
  if request.kept and d.kind == 'digest' then keep(request.kept, d.destination, d.address) end
  -- A reply in the lane of messages was one (outcomes.lua, detach_outcome), and others may stand under it.
  leave_lane(id, d.lane, not live and (d.kind ~= 'reply' or is_replies(d.lane)))
  if d.lease == '' then forget(id) else forget(id, d.event, d.kind) end -- a lapsed one is queued again
end

-- What the attempt says of its channel or of its destination; a failure of the message alone says nothing of either.
local function record_attempt(request, d)
  local scopes = {}
  for _, p in ipairs(request.pauses or {}) do
    if p.scope:match('^channel:') or p.scope:match('^destination:') then scopes[#scopes + 1] = p.scope end
  end
  record_failure(scopes, d.lane, request.error, request.refused)
end

function verbs.reschedule(id, request, d)
  local key = delivery_key(id)
  local parks = pause(request, d)
  record_attempt(request, d)
  redis.call('HSET', key, 'error', request.error, 'claims', 0)
  redis.call('HSETNX', key, 'failing', now)
  if not request.unsent then -- of which there may be thousands, and the log has room for 200 lines
    note(d.operation, 'failed', d.destination, tonumber(d.attempts), request.error, request.delay)
  end
  if request.free and d.sending == '1' then redis.call('HINCRBY', key, 'attempts', -1) end
  if request.fault then
    redis.call('HINCRBY', key, 'faults', 1)
    redis.call('HSET', key, 'failed', now)
  end
  if request.unknown then doubt(id) end
  requeue(id, now + (parks and 0 or request.delay))
end

function verbs.bury(id, request, d)
  if request.bounce then
    resumed = {}
    if bounce(id, d.address, request.bounce, request.error) == 1 then
      note(d.operation, 'suppressed', d.destination, d.address, request.error)
    end
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
  redis.call('HDEL', thread, 'doubt')
  -- An outcome in it would have called people as a new message, as one that shows it has. An edit calls nobody.
  if calls and calls ~= '' and calls ~= request.shown then
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
  redis.call('HDEL', thread, 'call')
  release_replies(request.id, request.lane)
end

-- The live message of an attempt whose answer was lost was found: this delivery shows the present state in it.
function verbs.found(id, request, d)
  local standing = converges(d.kind) and redis.call('HGET', thread_key(d.lane), 'spec')
  if not standing then return verbs.complete(id, request, d) end
  redis.call('HDEL', delivery_key(id), 'doubted', 'repeated')
  redis.call('HSET', delivery_key(id), 'unknowns', 0, 'claims', 0)
  adopt(request, spec_from(standing))
  record_end(id, 'delivered', nil, request.detail, d)
  record_alarm_sent(d)
  requeue(id, now)
end

local COMPLETES = {complete = true, found = true}

-- A worker that had lost its lease says what it did. If it touched a live message, an old state may now stand
-- over a newer one: show the present state once more.
local function repair(request)
  if not COMPLETES[request.verb] or not request.lane then return end
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

local FIELDS = {'lease', 'lapsed', 'died', 'sending', 'attempts', 'unknowns', 'operation', 'destination', 'channel', 'address',
                'kind', 'lane', 'seq', 'event', 'limits', 'cause', 'name', 'created', 'passes'}

-- The delivery, if the lease is the worker's. Or it has lapsed, and nobody has begun since: then what has arrived need not
-- be told again.
local function held(request)
  local row, d = redis.call('HMGET', delivery_key(request.id), unpack(FIELDS)), {}
  for i, name in ipairs(FIELDS) do d[name] = row[i] end
  if d.lease == request.lease then return d end
  return COMPLETES[request.verb] and d.lease == '' and d.lapsed == request.lease and not d.died and d
end

-- What went ahead to probe its channel is settled, and that has not failed again: the next one goes at once, or in so many
-- ms, and not when the lease would have ended.
local function go_on_probing(request, d)
  for _, p in ipairs(request.pauses or {}) do
    if p.scope:match('^channel:') then return end
  end
  local scope = channel_scope(d.channel, cjson.decode(d.limits).own)
  if redis.call('EXISTS', P .. 'pause:' .. scope) == 0 then return end
  redis.call('HSET', P .. 'pause:' .. scope, 'until', now + (request.probes_in or 0), 'at', now)
  if request.probes_in then redis.call('HINCRBY', P .. 'pause:' .. scope, 'probes', 1) end
  look_at(place_of(d.channel, scope))
end

local leased, settled = {}, {} -- since now, with the time at which it lapses; and no more
local channels = {} -- of the latter

local function settle(text)
  local ends = text:find('\0', 1, true)
  local request = cjson.decode(ends and text:sub(1, ends - 1) or text)
  request.copy = ends and text:sub(ends + 1)
  local d = held(request)
  if not d then
    repair(request)
    return 'stale'
  end
  if verbs[request.verb](request.id, request, d) == 'over' then return 'over' end
  if KEEPS_LEASE[request.verb] then
    leased[#leased + 1], leased[#leased + 2] = now + lease_ms, request.id
  else
    if request.probing then go_on_probing(request, d) end
    settled[#settled + 1] = request.id
    channels[d.channel] = true
  end
  return 'ok'
end

begin_counting()
local answers = {}
for i = 4, #ARGV do
  local done, answer = pcall(settle, ARGV[i])
  answers[#answers + 1] = done and answer or 'error: ' .. (type(answer) == 'table' and answer.err or tostring(answer))
end
write_counts()
-- Last: if anything above fails, the leases lapse and the deliveries are found again.
if leased[1] then redis.call('ZADD', LEASES, unpack(leased)) end
if settled[1] then redis.call('ZREM', LEASES, unpack(settled)) end
for channel in pairs(channels) do answers[#answers + 1] = channel .. ' ' .. next_due(channel) end
return answers
