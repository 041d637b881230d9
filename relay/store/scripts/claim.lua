#!lua flags=allow-oom
-- claim: lease up to n due deliveries of one channel. A lease, never a pop: a crashed worker's lapse by themselves.
-- KEYS[1] the ledger. ARGV from 3: channel, n, lease (ms), worker, token.
-- Answers {ms until the next one is due or '', delivery …}, each delivery a flat array (see claiming.py).
-- With ARGV[8], destination (or * for the others) → {from, to} of the quiet hours at hand (JSON, ms). With ARGV[9], the
-- partitions that are away, between spaces.
--- @include "due"
--- @include "leases"
--- @include "crowds"
--- @include "limits"
--- @include "removed"
--- @include "overflow"
--- @include "pulses"
--- @include "watched"
--- @include "suppressions"
--- @include "causes"
--- @include "requested"
local channel, n, lease_ms, worker, token = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6], ARGV[7]
local quiet = cjson.decode(ARGV[8] or '{}')
local claim
do -- the rest is of `claim` alone

local gone = {} -- of what lives there nothing can be made now
for home in (ARGV[9] or ''):gmatch('%S+') do gone[home] = true end
local MAX_CLAIMS = 8 -- claimed this often without one attempt: it kills its workers

if redis.call('ZSCORE', PULSES, worker) then pulse(worker, lease_ms) end
for _, id in ipairs(redis.call('ZRANGEBYSCORE', LEASES, '-inf', now, 'LIMIT', 0, 50)) do reap(id) end

-- Obsolete once the run has ended.
local PASSING = {['operation.progress'] = true, ['operation.stalled'] = true, ['operation.recovered'] = true}

local function is_stalled(o, operation)
  if o:get('away') then return o:get('watch:alarms') end -- as its own partition told (letters.lua, follow)
  return not o:get('watch:alarms') or redis.call('SISMEMBER', STALLED, operation) == 1
    or redis.call('HEXISTS', MISSING, operation) == 1
end

-- A thread is renewed with each message, its operation once a day: where that was forgotten first, it counts from 1 again.
local function outlived(d)
  return (operation_record(d.operation):number('first') or 0) - tonumber(d.thread.posted or now) > DAY
end

local function stale_reason(id, d)
  local kind, seq, thread = d.kind, d.seq, d.thread
  if converges(kind) and thread.waiting and thread.waiting ~= id then return 'newer state' end
  if BOXED[kind] or kind == 'rolling' and not thread.posted then
    local empty = redis.call('EXISTS', entries_key(d.lane)) == 0
    return empty and redis.call('HGET', box_key(d.lane), 'empty') ~= 'send' and 'nothing to tell' or nil
  end
  -- In a batch's thread the root is not about its members; and an outcome of an earlier run is no part of this one's.
  local own = (thread.posted_of or d.operation) == d.operation and not d.alone
  local shown = tonumber(thread.posted_seq or '-1')
  if kind == 'reply' and own and shown >= seq and shown <= (tonumber(d.ended) or shown) and not outlived(d) then
    return 'covered_by_root'
  end
  if not converges(kind) and PASSING[d.name] then
    local o = operation_record(d.operation)
    if o:get('rank') == TERMINAL and o:get('seq') > seq then return 'the run is over' end
    if d.name == 'operation.stalled' and not is_stalled(o, d.operation) then return 'it goes on again' end
    if d.raised and (o:number(alarm_field(d.lane)) or 0) < tonumber(d.raised) then return 'its alarm was not delivered' end
  end
end

local FIELDS = {'operation', 'destination', 'address', 'kind', 'name', 'lane', 'limits', 'event', 'seq',
                'attempts', 'claims', 'unknowns', 'created', 'urgent', 'passes', 'loud', 'removed', 'alone', 'lapsed', 'ended',
                'cause', 'row', 'failing', 'faults', 'failed', 'doubted', 'repeated', 'raised'}

-- What one cause stopped, or operations asked for too often, is told at the end of its window, if anybody is to be disturbed
-- then.
local function waits_for_morning(box)
  local b = redis.call('HMGET', box_key(box), 'kind', 'passes')
  return (b[1] == 'cause' or b[1] == 'requested') and not b[2]
end

-- The end of a silence comes in quiet hours: what it held is told with theirs, unless one of that would have passed.
local function join_quiet_hours(id, d, hours)
  local b = redis.call('HMGET', box_key(id), 'kind', 'passes')
  local box = box_id(d.lane, 'quiet', d.destination, d.address, hours[1], hours[2])
  if b[1] ~= 'silence' or b[2] or d.attempts > 0 or sealed(box) then return false end
  open_box(box, 'quiet', d, hours[1], hours[2])
  move_entries(id, box)
  keep_box(box, hours[2])
  move_to_bundle(id, d, 'quiet_hours')
  return true
end

-- A new message that nobody wants now becomes an entry of what is told together later: in quiet hours, or above the cap
-- on new messages. What may have arrived already is not begun anew by that; in quiet hours it is told again then.
local function divert(id, d)
  local hours = quiet[d.destination] or quiet['*']
  hours = hours and hours[1] <= now and now < hours[2] and hours
  if hours and d.kind == 'roundup' and join_quiet_hours(id, d, hours) then return true end
  local waits = d.kind == 'rolling' or hours and d.kind == 'roundup' and waits_for_morning(id)
  if d.edit or BOXED[d.kind] and not waits then return false end
  if waits then
    if hours then
      set_due(id, hours[2])
      make_due(id)
    end
    return hours
  end
  local cap = d.kind == 'live' and d.attempts == 0 and d.unknowns == '0' and d.calls.cap
  if not (hours or cap) or not has_entry(operation_record(d.operation)) then return false end
  if hours and d.passes == '' then
    local box = box_id(d.lane, 'quiet', d.destination, d.address, hours[1], hours[2])
    if not sealed(box) then
      open_box(box, 'quiet', d, hours[1], hours[2])
      add_entry(box, d.operation)
      keep_box(box, hours[2])
      move_to_bundle(id, d, 'quiet_hours')
      return true
    end
  end
  if not cap or not over_cap(d, cap) then return false end
  overflow(id, d, cap)
  return true
end

-- How long it waits (ms) and, where that is for something that is paused, for what.
local function blocked_for(d)
  local limits = d.calls[d.edit and 'edit' or 'new']
  d.scopes = scopes_of(channel, d.destination, d.address, d.calls.own, limits)
  for _, scope in ipairs(d.scopes) do
    local wait = paused(scope)
    if wait > 0 then return wait, scope end
  end
  local wait = paused('lane:' .. d.lane)
  for _, limit in ipairs(wait == 0 and limits or {}) do
    wait = limited(limit, d.urgent)
    if wait > 0 then return wait end
  end
  return wait
end

-- What is known of the operation up to this delivery, oldest first: a live message shows the present.
local function history(d)
  local o, documents, seqs = operation_record(d.operation), {}, {}
  local flat = o:read_all()
  for i = 1, #flat, 2 do
    local name = flat[i]:match('^doc:(.*)$')
    local seq = name and o:get('seq:' .. name)
    if seq and (d.kind == 'live' or seq <= d.seq) then
      seqs[#seqs + 1] = seq
      documents[seq] = flat[i + 1]
    end
  end
  table.sort(seqs)
  local ordered = {}
  for i, seq in ipairs(seqs) do ordered[i] = documents[seq] end
  return ordered, o:get('seq') or 0, o:get('away'), tostring(o:get('retry') or ''), o:get('rank') or -1
end

local function postpone(id, set, ms)
  set_due(id, now + ms)
  redis.call('ZADD', set, now + ms, id)
end

-- An event that failed half-way may have left deliveries without what they tell. Its sender sends it again, which makes
-- them whole; a dead letter is told anew by that as well, but somebody would have looked after it in vain.
local HALF_MADE, AGAIN = 900000, 10000 -- ms: how long one waits for that, and how often it is looked at
local AWAY = 1000 -- ms: how often it is seen whether a partition is back

-- What earlier attempts of it, and others in its channel, say about this one (relay/policy/retry.py). probe: it goes ahead
-- of others, after so many that failed.
local function say_trouble(say, d)
  local scope = channel_scope(channel, d.calls.own)
  local probes = probes_of(scope)
  if probes then say('probe', probes) end
  for _, name in ipairs({'failing', 'faults', 'failed', 'doubted', 'repeated'}) do
    if d[name] then say(name, d[name]) end
  end
  local state = (d.failed or d.doubted) and redis.call('HMGET', P .. 'state:' .. scope, 'works', 'deaf') or {}
  if state[1] then say('works', state[1]) end
  if state[2] then say('deaf', state[2]) end
end

-- How it is told, beside what it says: name and value in turn.
local function telling_of(d, run)
  local how = {'broadcast', d.loud or ''}
  local function say(name, value) how[#how + 1], how[#how + 2] = name, value end
  if d.group then
    say('group', d.group.name)
    say('window', d.group.window)
  end
  if d.row then say('as', 'also') end
  if d.calls.own then say('host', tostring(d.calls.own)) end
  say_trouble(say, d)
  local of, said = (d.thread.healed or ''):match('^(%d+) %d+ (.*)$')
  if of == run and d.name == 'operation.completed' and not converges(d.kind) then
    say('as', 'healed')
    say('said', said)
  end
  return how
end

local function lease(id, d, set)
  local known, seq, away, run, rank = history(d)
  if away and gone[away] then return postpone(id, set, AWAY) end -- it would take its turn from what can be made
  local body = d.event ~= '' and redis.call('HGET', P .. 'event:' .. d.event, 'body') or ''
  local box = BOXED[d.kind] or d.kind == 'rolling'
  if BOXED[d.kind] then seal(id, d.destination, d.address) end
  if body == '' and (d.event ~= '' or #known == 0) and not box and not away and now - d.created < HALF_MADE then
    return postpone(id, set, AGAIN)
  end
  if body == '' and #known == 0 and not box and not away then
    bury(id, 'expired', 'what it should tell was forgotten 30 days after the last event, or never came in whole')
    return nil
  end
  for _, limit in ipairs(d.calls[d.edit and 'edit' or 'new']) do spend(limit) end
  for _, scope in ipairs(d.scopes) do probe(scope, lease_ms) end
  open_cause(id, d)
  spend_request(id, d)
  local lease = worker .. ':' .. token .. ':' .. id
  redis.call('ZREM', set, id)
  local shown = converges(d.kind) and not box and seq or d.seq
  redis.call('HSET', delivery_key(id), 'lease', lease, 'claims', d.claims + 1, 'seq', shown)
  if d.lapsed then redis.call('HDEL', delivery_key(id), 'lapsed') end
  if converges(d.kind) then
    redis.call('HSET', thread_key(d.lane), 'flying', id, 'name', d.name, 'seq', shown)
    if d.thread.waiting then redis.call('HDEL', thread_key(d.lane), 'waiting') end
  end
  local thread = {}
  for name, value in pairs(d.thread) do
    if name:sub(1, 2) == 't:' then
      thread[#thread + 1] = name:sub(3)
      thread[#thread + 1] = value
    end
  end
  return {id, lease, d.destination, channel, d.address, d.kind, d.attempts, d.unknowns, d.created, body, known, thread,
          d.lane, d.limits, away and d.operation or '', d.kind == 'live' and '' or d.seq, run, rank,
          telling_of(d, run), d.operation}
end

local function read_thread(lane)
  local thread, flat = {}, redis.call('HGETALL', thread_key(lane))
  for i = 1, #flat, 2 do thread[flat[i]] = flat[i + 1] end
  return thread
end

-- Its run was not begun anew: it is a reply like any other now. Whether its turn has come.
local function end_hold(id, d)
  local lane = replies_of(d.lane:match('^[^/]+'))
  leave_queues(id, channel) -- it may stand behind others there
  leave_lane(id, d.lane, true)
  redis.call('HSET', delivery_key(id), 'lane', lane)
  join_lane(id, lane)
  d.lane = lane
  return redis.call('LINDEX', lane_key(lane), 0) == id and (d.thread.posted or not (d.thread.waiting or d.thread.flying))
end

function claim(id, set)
  local row = redis.call('HMGET', delivery_key(id), unpack(FIELDS))
  if not row[1] then
    redis.call('ZREM', set, id)
    return nil
  end
  local d = {}
  for i, name in ipairs(FIELDS) do d[name] = row[i] end
  d.seq, d.claims, d.attempts = tonumber(d.seq), tonumber(d.claims), tonumber(d.attempts)
  d.thread = read_thread(d.lane)
  if d.lane:sub(-5) == '/held' and not end_hold(id, d) then return nil end
  local why = suppressed(d.destination, d.address, d.passes == '2')
  if why and d.kind == 'roundup' and readdress(id, d) then why = nil end
  why = why or stale_reason(id, d)
  if why then
    if BOXED[d.kind] then seal(id, d.destination, d.address) end
    supersede(id, d.operation, d.destination, d.lane, why)
    return nil
  end
  if d.claims >= MAX_CLAIMS and field(id, 'unreadable') then
    bury(id, 'unreadable', field(id, 'error'))
    return nil
  end
  if d.claims >= MAX_CLAIMS then
    bury(id, 'worker_crashed', 'claimed ' .. d.claims .. ' times, and each time its worker died')
    return nil
  end
  local readable, calls = pcall(cjson.decode, d.limits)
  if not readable then -- an error here would end the claim of all others as well
    bury(id, 'unreadable', 'its limits are damaged')
    return nil
  end
  d.edit = converges(d.kind) and d.thread.posted
  d.calls, d.channel = calls, channel
  if removed(id, d, set) then return nil end
  if divert(id, d) or join_cause(id, d) or over_request_limit(id, d) then return nil end
  local wait, scope = blocked_for(d)
  if scope and wait > PARKED_FROM then
    park(id, set, channel, scope, d.created, now + wait)
    return nil
  end
  if wait > 0 then return postpone(id, set, wait) end
  return lease(id, d, set)
end

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

reopen_places()
local answer, ids = {''}, {}
local sets = {}
for i, urgency in ipairs(URGENCIES) do sets[i] = due_key(channel, urgency) end
for _, set in ipairs(sets) do
  for _, id in ipairs(candidates(set, channel, quiet)) do
    if #ids >= n then break end
    local taken = claim(id, set)
    if taken then
      answer[#answer + 1] = taken
      ids[#ids + 1] = id
    end
  end
end
write_spent()
if #ids > 0 then
  local leases = {}
  for _, id in ipairs(ids) do leases[#leases + 1], leases[#leases + 2] = now + lease_ms, id end
  redis.call('ZADD', LEASES, unpack(leases))
  redis.call('SET', claimed, token .. ' ' .. table.concat(ids, ' '), 'PX', lease_ms)
end
answer[1] = next_due(channel)
return answer
