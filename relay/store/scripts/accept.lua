#!lua
-- accept: identity, order, gates, deliveries and ledger of every event of a batch, in one step.
-- KEYS[1] the ledger. ARGV from 3: four per event: delivery digest ('' if none), fact digest (8 bytes each), plan (JSON,
-- see plan.py), body. Answers one array per event; a fault in one event never touches its neighbours, and is not
-- remembered: the sender's next try is accepted. The flagless first line lets Redis refuse all of it before it begins
-- where it takes no writes, full or a replica.
-- An event costs one read and one write of its operation's record (record.lua), whatever it changes there.
local TERMINAL, RUNNING, INITIATED = 2, 1, 0
local MINUTE = 60000

-- Read at once, before anything is decided.
local FIELDS = {
  'rank', 'retry', 'percentage', 'phases', 'at', 'seq', 'first', 'ids', 'many', 'kept', 'id', 'entry', 'status',
  'fact:platform', 'fact:tenant', 'fact:project', 'fact:original', 'fact:name', 'fact:type', 'fact:priority',
  'fact:batch', 'watch:heard', 'watch:gaps', 'watch:moved', 'watch:phase', 'watch:estimate', 'watch:estimated',
  'watch:planned', 'watch:deadline', 'watch:alarms',
}

-- What came before, in digests: those of facts and of the senders' ids. They live and die with the operation: the first
-- few in its record, 8 bytes each, those of a run of hundreds of events in a set beside it.
local DIGEST, FEW = 8, 32

local function ids_key(o) return (o.key:gsub('operation:', 'ids:', 1)) end

local function seen(o, digest)
  if digest == '' then return false end
  local ids, from = o:get('ids') or '', 1
  while true do
    local place = ids:find(digest, from, true)
    if not place then break end
    if place % DIGEST == 1 then return true end
    from = place + 1
  end
  return o:get('many') ~= false and redis.call('SISMEMBER', ids_key(o), digest) == 1
end

local function from_hex(text)
  return (text:gsub('..', function(byte) return string.char(tonumber(byte, 16)) end))
end

local function remember(o, ...)
  for _, digest in ipairs({...}) do
    local ids = o:get('ids') or ''
    if digest == '' or seen(o, digest) then -- the same id of another fact
    elseif #ids < FEW * DIGEST then
      o:set('ids', ids .. digest)
    else
      o.more = o.more or {} -- into the set with the record: an event that fails is not remembered
      table.insert(o.more, digest)
      unwritten[o] = true
      if not o:get('many') then o.renewed = true end
      o:set('many', 1)
    end
  end
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

local function fields_of(plan)
  if not plan.progress or not plan.targets[1] then return FIELDS end
  local fields = {unpack(FIELDS)}
  for _, target in ipairs(plan.targets) do fields[#fields + 1] = 'gate:' .. target.lane end
  return fields
end

local function read(o, plan)
  o:read(fields_of(plan))
  return {rank = o:number('rank'), retry = o:number('retry'), percentage = o:number('percentage'),
          phases = o:number('phases'), at = o:number('at'),
          facts = {['fact:platform'] = o:get('fact:platform'), ['fact:tenant'] = o:get('fact:tenant'),
                   ['fact:project'] = o:get('fact:project')}}
end

-- A retry starts afresh: what the failed run said must not show in the new one, nor hold back its progress.
local function start_over(o)
  for _, name in ipairs(redis.call('HKEYS', o.key)) do
    if name:match('^gate:') or name:match('^doc:') or name:match('^says:') or name:match('^seq:') or name:match('^watch:')
      or name:match('^mute:') then
      o:set(name, nil)
    end
  end
  for _, name in ipairs({'percentage', 'phases', 'fact:pressed'}) do o:set(name, nil) end
end

-- An outcome that was not posted yet would vanish with the run that it ended. Waiting, it becomes a message of its
-- own; under way, it keeps what it tells, and becomes one if it does not arrive (lib.lua, speak_for_itself).
local function keep_outcome(o, target)
  local thread = thread_key(target.lane)
  local t = redis.call('HMGET', thread, 'waiting', 'flying', 'posted')
  if t[3] then return end
  for role, id in pairs({waiting = t[1] or nil, flying = t[2] or nil}) do
    local d = redis.call('HMGET', delivery_key(id), 'urgent', 'name', 'event')
    local body = d[1] == '1' and d[3] == '' and o:get('doc:' .. d[2])
    if body then
      redis.call('HSET', P .. 'event:' .. id, 'body', body, 'refs', 1)
      redis.call('HSET', delivery_key(id), 'event', id)
      if role == 'waiting' then
        speak_for_itself(id)
        redis.call('HDEL', thread, 'waiting')
      end
    end
  end
end

-- A retry under a new id continues what the original began: whatever names it later is led there (store.known).
local function lead(plan)
  local own = operation_record(plan.own)
  own:read({'fact:original', 'fact:retry', 'led', 'kept', 'fact:platform', 'fact:tenant', 'fact:project'})
  own:set_once('fact:original', plan.subject)
  own:set_once('fact:retry', plan.retry)
  own:set_once('led', plan.operation)
  for _, name in ipairs({'fact:platform', 'fact:tenant', 'fact:project'}) do -- another tenant's run is not led there
    if plan.facts[name] then own:set_once(name, plan.facts[name]) end
  end
  own:keep()
end

-- Whose run an id is, was looked up a moment ago. Meanwhile another event may have led it to its original, or begun a
-- message of its own for it; planned anew, this one joins whichever was first, so that neither is left behind.
local function elsewhere(o, plan)
  if plan.action or plan.about_batch then return false end -- a batch is no run, even if one has the same id
  if not plan.own then return o:get('fact:original') ~= false end
  local own = operation_record(plan.own)
  own:read({'first', 'fact:original', 'fact:retry'})
  return own:get('first') and not own:get('fact:original')
end

-- A start that began after the outcome is of a new run, which has another number and so is another fact. Where the
-- outcome came in after the run was looked up, it is looked up again.
local function begins_anew(plan, was)
  return plan.begun and was.rank == TERMINAL and plan.begun > was.at and plan.retry <= was.retry
end

-- Two tenants may begin with one id at the same moment, when nobody has it yet: the second one is looked up again.
local function another_s(plan, was)
  if plan.apart then return false end
  for name, stated in pairs(was.facts) do
    if stated and plan.facts[name] and plan.facts[name] ~= stated then return true end
  end
end

-- Ids that others had first: these are marked, and live as long as the others do (relay/store/spaces.py).
local function keep_apart(plan)
  for _, id in ipairs(plan.spaces or {}) do
    redis.call('SADD', P .. 'spaces:' .. id[1], id[2])
    operation_record(id[1]):set('apart', 1)
    operation_record(id[1]):write()
    redis.call('PEXPIRE', P .. 'spaces:' .. id[1], KEEP_OPERATION)
    if redis.call('PTTL', operation_key(id[1])) < KEEP_OPERATION then -- it may be kept for longer (trim.lua)
      redis.call('PEXPIRE', operation_key(id[1]), KEEP_OPERATION)
      redis.call('PEXPIRE', P .. 'ids:' .. id[1], KEEP_OPERATION)
    end
  end
end

-- A thinner report of progress that is known: the callback beside the webhook may name no phase.
local function says_less(plan, was)
  return plan.progress and plan.percentage and plan.phase == '' and not plan.phases and was.rank == RUNNING
    and plan.percentage == was.percentage and plan.retry == was.retry
end

-- The batch says that this run of a member is over; its own end may never be told. One that was run again goes on.
local function over_in_batch(member, run)
  local own = operation_record(member)
  own:read({'led', 'fact:retry', 'fact:restarts'})
  local operation = own:get('led') or member
  run = run + (own:number('fact:restarts') or 0)
  if (own:number('fact:retry') or run) >= (operation_record(operation):number('retry') or 0) then unwatch(operation) end
end

-- Which run of the original a retry is, was decided by its first event, also if two arrived at once.
local function numbered(plan)
  local known = plan.own and operation_record(plan.own):number('fact:retry')
  if known then plan.retry = math.max(known, plan.stated) end
end

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
local function heard(o, plan, again, was)
  local last = o:number('watch:heard')
  -- Neither the wait for the first progress is rhythm, nor a time in which relay itself was away or the clock set back.
  if last and last <= now and was.rank == RUNNING and not (again and now - last < ECHO) and not away_since(last) then
    local gaps = o:get('watch:gaps')
    gaps = now - last .. (gaps and gaps ~= '' and ' ' .. gaps or '')
    o:set('watch:gaps', gaps:match(GAPS) or gaps)
  end
  o:set('watch:heard', now)
  -- Whoever has no alarm is not among the stalled, so most need not be looked up.
  if o:get('watch:alarms') and redis.call('SISMEMBER', STALLED, plan.operation) == 1 then look_now(plan.operation) end
end

-- A repetition, or what came late. A new phase at an old percentage is a move all the same.
local function heard_again(o, plan, was)
  if not plan.run or was.rank == TERMINAL or not o:get('watch:heard') then return end
  heard(o, plan, true, was)
  if plan.phase ~= '' and plan.at >= (was.at or 0) and plan.phase ~= o:get('watch:phase') then
    o:set('watch:moved', now)
    o:set('watch:phase', plan.phase)
  end
end

-- What the watchdog goes by: the last move, the first estimate and how often it moved, the deadline. A run is looked
-- at from its first event to its end.
local function observe(o, plan, was)
  if plan.rank == TERMINAL then return unwatch(plan.operation) end
  local run = plan.run
  local known, planned = o:get('watch:heard'), o:get('watch:estimate')
  if not run then
    if known then heard(o, plan, false, was) end
    return
  end
  heard(o, plan, false, was)
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
    look_now(plan.operation)
  end
end

-- Optimistic check: drop the alarm if another process raised it or the run changed since it was read.
local function moot(o, watch)
  return redis.call('EXISTS', o.key) == 0 or (o:get('watch:alarms') or '') ~= watch.was
    or watch.heard and o:number('watch:heard') ~= watch.heard or watch.moved and o:number('watch:moved') ~= watch.moved
end

local function next_seq(o)
  local seq = (o:number('seq') or 0) + 1
  o:set('seq', seq)
  return seq
end

-- Alarms are relay's own: they update the alarm state and never count as activity of the run.
local function alarm(o, plan, body)
  local seq = next_seq(o)
  o:set('watch:alarms', plan.watch.becomes)
  o:set('doc:' .. plan.name, body)
  o:set('seq:' .. plan.name, seq)
  redis.call(plan.watch.open and 'SADD' or 'SREM', STALLED, plan.operation)
  return seq
end

-- A button does its thing once: for the run, or where it silences, for the run and the address.
local function once(plan)
  if plan.action.name == 'mute' then return 'mute:' .. plan.targets[1].lane end
  return 'asked:' .. plan.action.name .. ':' .. plan.action.run
end

-- Why a press does nothing; nil if it does. The button of an earlier run must not reach the present one.
local function idle(o, plan)
  if not (plan.action and plan.action.press) then return nil end
  if plan.action.run < (o:number('retry') or 0) then return 'late' end
  return o:get(once(plan)) and 'duplicate' or nil
end

-- What people ask for is no news from the run either. If nothing came of it, it may be asked for again.
-- Who asked is remembered for the run's end, also where it may have been done although it seems refused.
local function act(o, plan)
  local action = plan.action
  if action.press then
    o:set(once(plan), now)
    if action.pressed then o:set('fact:pressed', action.pressed) end
  elseif not action.ok then
    o:set(once(plan), nil)
    if action.name == 'cancel' and not action.unknown then o:set('fact:pressed', nil) end
  end
  o:set_once('id', plan.subject)
  o:keep()
  return next_seq(o)
end

local function muted(o, target) return target.live and o:get('mute:' .. target.lane) end

-- What an outcome says beside its status (relay/domain/completion.py), between spaces.
local function says(plan) return ' ' .. table.concat(plan.says or {}, ' ') .. ' ' end

-- Another report of a known outcome that says more of it than the first one did.
local function fuller(o, plan, was)
  if not plan.says or was.rank ~= TERMINAL or plan.retry ~= was.retry then return false end
  local known = o:get('says:' .. plan.name)
  if not known then return false end
  for _, word in ipairs(plan.says) do
    if not known:find(' ' .. word .. ' ', 1, true) then return true end
  end
end

local function advance(o, plan, was, body)
  if plan.watch then return alarm(o, plan, body) end
  if plan.action then return act(o, plan) end
  local seq = next_seq(o)
  o:set_once('first', now)
  o:set('id', plan.subject)
  o:set('last', now)
  for name, value in pairs(plan.facts) do o:set(name, value) end
  if plan.rank then
    if was.retry and plan.retry > was.retry then
      start_over(o)
      redis.call('SREM', STALLED, plan.operation)
      was = {}
    end
    -- Under its own id alone: what the original reports after a retry under another id began is of the original.
    -- A start after an outcome began when it says; its event may be dated later than the run's first progress.
    if not was.retry then
      local began = plan.facts['fact:restarts'] and plan.begun and math.min(plan.begun, plan.at) or plan.at
      o:set('began', plan.own and '' or began)
    end
    o:set('rank', plan.rank)
    o:set('retry', plan.retry)
    o:set('status', plan.status)
    o:set('at', plan.at)
    if plan.percentage and plan.rank == RUNNING then
      o:set('percentage', math.max(plan.percentage, was.percentage or 0))
    end
    if plan.phases then o:set('phases', math.max(plan.phases, was.phases or 0)) end
    o:set('doc:' .. plan.name, body)
    o:set('seq:' .. plan.name, seq)
    if plan.rank == TERMINAL then o:set('says:' .. plan.name, says(plan)) end
  end
  observe(o, plan, was)
  if plan.rank == TERMINAL then
    local lanes = {}
    for _, target in ipairs(plan.targets) do lanes[#lanes + 1] = target.live and target.lane or nil end
    o:set('lanes', table.concat(lanes, ' '))
    redis.call('ZADD', OVER, now + KEEP_DOCUMENTS, plan.operation)
    redis.call('PEXPIRE', OVER, KEEP_OPERATION) -- by then the newest of them is forgotten itself
  end
  o:keep()
  return seq
end

-- What would be told beside the message of a run that was muted there.
local function silenced(o, plan, target)
  return not plan.rank and not plan.action and muted(o, target) and 'muted' or nil
end

-- An estimate that moved by a tenth of the time that was left: the run will take noticeably longer, or shorter.
local function shifted(plan, eta)
  if not plan.eta or not eta then return false end
  return math.abs(plan.eta - eta) >= math.max(0.1 * (eta - plan.at), MINUTE)
end

-- Progress is told again only once it has moved far enough; the mark moves in the same step as the delivery
-- is made, so two instances cannot both pass and a crash cannot move it without a delivery.
local function gate(o, plan, target)
  if not plan.progress then return nil end
  local name = 'gate:' .. target.lane
  local mark = o:get(name)
  local told, at, eta, phase = nil, nil, nil, nil
  if mark then told, at, eta, phase = mark:match('^(%S*) (%S*) (%S*) (.*)$') end
  told, at, eta = tonumber(told), tonumber(at), tonumber(eta)
  if at and at > now then at = nil end -- the clock was set back since: it begins anew
  local pass, reason = #target.gates == 0 or not mark or plan.percentage == 100, 'increment'
  for _, g in ipairs(target.gates) do
    local moved = g[1] == 0 or (plan.percentage and told and plan.percentage >= told + g[1])
      or (target.live or not plan.percentage) and plan.phase ~= phase or target.live and shifted(plan, eta)
    local waited = not at or now >= at + g[2]
    if moved and waited then pass = true elseif moved then reason = 'interval' end
  end
  if not pass then return reason end
  o:set(name, (plan.percentage or told or '') .. ' ' .. now .. ' ' .. (plan.eta or '') .. ' ' .. plan.phase)
end

-- The newest state in a few words: laid over what earlier events of this run said. A retry keeps its name alone. An
-- event without a rank is no state: it must not take the place of one, nor of what is left of one (trim.lua).
local LASTING = {name = true, type = true, priority = true, path = true, batch = true, total = true}
local function describe(o, plan)
  if not plan.entry then return end
  local was = o:get('entry')
  if was and not plan.rank then return end
  if not was and not plan.rank and o:get('status') then plan.entry.status = o:get('status') end
  if was then
    was = cjson.decode(was)
    for name, value in pairs(was) do
      if plan.entry[name] == nil and (was.retry == plan.entry.retry or LASTING[name]) then plan.entry[name] = value end
    end
  end
  o:set('entry', cjson.encode(plan.entry))
end

-- digest: the entry goes into the window at hand, or into the next one if that is being told already.
local function collect(plan, target)
  local from, to = now, now -- for clocks that are further apart than windows: told at once, never lost
  for _, window in ipairs(target.windows) do
    if not sealed(box_id('digest', target.destination, target.address, window[1], window[2])) then
      from, to = window[1], window[2]
      break
    end
  end
  local box = box_id('digest', target.destination, target.address, from, to)
  local new = put(box, plan.operation)
  redis.call('HSET', box_key(box), 'zone', target.zone)
  open_box(box, 'digest', target, from, to)
  if not new and (plan.progress or plan.phase_end) then redis.call('HINCRBY', box_key(box), 'held', 1) end
  count('accepted')
  count('digested')
  note(plan.operation, 'digested', target.destination, target.address)
end

-- In quiet hours a new message becomes an entry of what is told at their end. False if it may be sent.
local function hush(plan, target)
  local hours = not target.passes and target.quiet
  if not hours or now >= hours[2] or not plan.entry then return false end
  local box = box_id('quiet', target.destination, target.address, hours[1], hours[2])
  if sealed(box) then return false end
  put(box, plan.operation)
  open_box(box, 'quiet', target, hours[1], hours[2])
  count('accepted')
  count('held:quiet_hours')
  note(plan.operation, 'held', target.destination, 'quiet_hours')
  return true
end

local function spec_of(plan, target, seq, kind)
  return {operation = plan.operation, destination = target.destination, channel = target.channel,
          address = target.address, kind = kind, name = plan.name, limits = target.limits,
          lane = kind == 'reply' and replies_of(target.lane) or target.lane,
          event = kind == 'live' and '' or plan.event, urgent = plan.urgency, seq = seq, due = now,
          passes = target.passes, loud = target.loud}
end

-- A new message, now or after the quiet hours. Answers how many references to the event's body that makes.
local function speak(id, plan, target, spec)
  if hush(plan, target) then return 0 end
  create(id, spec)
  return 1
end

-- A terminal event does not wait for the retry of a progress message that it makes pointless.
local function hurry(lane)
  local head = redis.call('LINDEX', lane_key(lane), 0)
  if head and field(head, 'name') == 'operation.progress' and field(head, 'lease') == '' then
    set_due(head, now)
    make_due(head)
  end
end

-- The live message of a target: what waits, what is on its way, when it was posted and last edited, and whether its lane is
-- known.
local function thread_of(target)
  return redis.call('HMGET', thread_key(target.lane), 'waiting', 'flying', 'posted', 'sent', 'interval')
end

-- live: nobody is told of it here, and why: its priority is for the digest, or its batch speaks for it. A message
-- that stands, or is on its way, is kept true all the same.
local function left_out(plan, target, t)
  if not target.live or not plan.rank then return nil end
  if t[2] or t[3] then return nil end
  local member = target.batch_lane and target.batch_lane ~= target.lane
  if member and redis.call('EXISTS', thread_key(target.batch_lane)) == 1 then
    if t[1] then
      if field(t[1], 'urgent') == '1' then return nil end
      supersede(t[1], plan.operation, target.destination, target.lane, 'told by its batch')
    end
    return 'batch'
  end
  if not target.root and not t[1] then return target.beside and 'told_beside' or 'low_priority' end
end

-- A mishap of one member is told in the thread of its batch once: by the operation's own event or by the batch's,
-- whichever comes first.
local function first_word(plan, lane)
  if not plan.member then return true end
  return redis.call('HSETNX', thread_key(lane), 'told:' .. plan.member, now) == 1
end

-- The first message is due now: there is news below it.
local function hurry_root(lane)
  local t = redis.call('HMGET', thread_key(lane), 'waiting', 'flying', 'posted')
  if t[1] and not t[2] and not t[3] and field(t[1], 'attempts') == '0' then
    set_due(t[1], now)
    make_due(t[1])
  end
end

-- What an operation tells in its batch's thread; nil if that says it already, else as `speak`.
local function tell_batch(plan, target, seq)
  if not target.batch_reply or not first_word(plan, target.batch_lane) then return nil end
  local spec = spec_of(plan, target, seq, 'reply')
  spec.lane = replies_of(target.batch_lane)
  local references = speak(target.id .. '-batch', plan, target, spec)
  if references > 0 then hurry_root(target.batch_lane) end
  return references
end

-- A reply gives the edit that comes with it so long to be the first, and no longer. Where the message turns out to be
-- gone, a new one tells everything, and the reply has nothing to add.
local EDIT_FIRST = 3000 -- ms

-- A delivery that waits shows this event as well. An outcome need not wait for the time that was planned, and what is
-- looked at anew leaves whatever it was parked for.
local function join(plan, target, waiting, seq, wanted)
  local key = delivery_key(waiting)
  local d = redis.call('HMGET', key, 'due', 'dated', 'kind', 'attempts', 'urgent', 'lapsed', 'parked')
  local was = due_by_now(waiting, tonumber(d[1]), tonumber(d[2] or '0'), d[3])
  local due = plan.urgent and now or math.min(was, math.max(wanted, now))
  if tonumber(d[4]) > 0 and not plan.urgent then due = was end -- its back-off holds
  local urgency = URGENCY[plan.urgency] < URGENCY[d[5]] and plan.urgency or d[5]
  local set = {'seq', seq, 'name', plan.name, 'urgent', urgency, 'due', due, 'dated', now}
  for _, name in ipairs({'passes', 'loud'}) do
    if target[name] then
      set[#set + 1] = name
      set[#set + 1] = '1'
    end
  end
  redis.call('HSET', key, unpack(set))
  if d[6] then redis.call('HDEL', key, 'lapsed') end -- a late receipt is of an older state than this
  if d[7] or due ~= tonumber(d[1]) or urgency ~= d[5] then make_due(waiting) end
  count('accepted')
  count('superseded')
end

-- live: at most one delivery waits in the lane; it means "show the present state", so a newer event joins it.
-- Answers the references to the event's body; nil if it is told after the quiet hours.
local function refresh(plan, target, o, seq, t)
  local thread = thread_key(target.lane)
  local waiting, flying, posted = t[1], t[2], t[3]
  local sent = math.min(tonumber(t[4] or '0'), now) -- the clock may have been set back since; so below
  local spec = spec_of(plan, target, seq, 'live')
  local grouped = target.batch_lane == target.lane
    or target.batch_lane and redis.call('EXISTS', thread_key(target.batch_lane)) == 1
  if not plan.urgent then
    -- The end of a phase waits for the start of the next, which says more.
    local patience = plan.phase_end and plan.urgency == '' and target.min_interval or 0
    if posted then spec.due = math.max(now + patience, sent + target.min_interval)
    elseif target.reply then spec.due = now
    else spec.due = math.max(now, math.min(o:number('first'), now) + target.post_after) end
  end
  if not (waiting or flying or posted) and target.quiet and spec.due < target.quiet[2] and hush(plan, target) then
    return nil
  end
  if waiting then
    join(plan, target, waiting, seq, spec.due)
  else
    create(target.id, spec)
  end
  redis.call('HSET', thread, 'spec', cjson.encode(spec), 'interval', target.min_interval)
  if not t[5] or o.renewed then redis.call('PEXPIRE', thread, KEEP_OPERATION) end
  local reply = target.reply and (not grouped or first_word(plan, target.batch_lane))
  if reply and (posted or flying) then
    if muted(o, target) then
      count('accepted')
      count('held:muted')
      note(plan.operation, 'held', target.destination, 'muted')
      return 0
    end
    local beside = spec_of(plan, target, seq, 'reply')
    beside.due = now + EDIT_FIRST
    return speak(target.id .. '-reply', plan, target, beside)
  end
  return 0
end

-- A known outcome, with what another report of it added: messages that stand are brought up to date, and what is queued
-- reads it when it is sent. Nothing new is posted.
local function complete(o, plan, body)
  o:set('doc:' .. plan.name, body)
  o:set('says:' .. plan.name, says(plan))
  for name, value in pairs(plan.facts) do o:set_once(name, value) end
  describe(o, plan)
  note(plan.operation, 'completed', plan.name, plan.sender)
  local seq = o:number('seq')
  for _, target in ipairs(plan.targets) do
    local t = redis.call('HMGET', thread_key(target.lane), 'waiting', 'flying', 'posted')
    if target.live and t[1] then redis.call('HDEL', delivery_key(t[1]), 'lapsed') end -- as in `refresh`
    if target.live and not t[1] and (t[2] or t[3]) and not suppressed(target.destination, target.address) then
      -- Numbered: the plan is made from the outcome that is kept, and a delivery by its id may be under way.
      local number = redis.call('HINCRBY', thread_key(target.lane), 'additions', 1)
      create(target.id .. '-addition-' .. number, spec_of(plan, target, seq, 'live'))
      note(plan.operation, 'queued', target.destination, target.address)
    end
    for _, window in ipairs(target.windows or {}) do
      local box = box_id('digest', target.destination, target.address, window[1], window[2])
      if not sealed(box) and redis.call('HEXISTS', entries_key(box), plan.operation) == 1 then put(box, plan.operation) end
    end
  end
end

local function accept(delivery_digest, fact_digest, plan, body)
  local o = operation_record(plan.operation)
  local was = read(o, plan)
  if another_s(plan, was) or begins_anew(plan, was) then return {'elsewhere', 0} end -- nothing is done yet
  count('received')
  -- An id alone makes no repetition: some senders put their registration's into every event.
  local used = seen(o, delivery_digest)
  local told = seen(o, fact_digest) or used and plan.as_stated and seen(o, from_hex(plan.as_stated))
  if told or says_less(plan, was) then
    if told and fuller(o, plan, was) then
      if not plan.completes then -- it is put together with what is known, and comes again
        count('received', -1)
        return {'fuller', 0}
      end
      complete(o, plan, body)
    end
    count('duplicates')
    if not used then heard_again(o, plan, was) end
    return {'duplicate', 0}
  end
  if elsewhere(o, plan) then -- nothing is done yet
    count('received', -1)
    return {'elsewhere', 0}
  end
  if plan.watch and moot(o, plan.watch) then -- not remembered: it may come true later
    count('late')
    return {'late', 0}
  end
  local why = idle(o, plan)
  if why then
    count(why == 'late' and 'late' or 'duplicates')
    return {why, 0}
  end
  local as = used and ' id reused' or ''
  numbered(plan)
  remember(o, delivery_digest, fact_digest)
  if late(plan, was) then
    count('late')
    if plan.retry == was.retry then heard_again(o, plan, was) end
    note(plan.operation, 'late', plan.name, plan.percentage or '')
    return {'late' .. as, 0}
  end
  if plan.rank and was.retry and plan.retry > was.retry then
    for _, target in ipairs(plan.targets) do keep_outcome(o, target) end
  end
  local seq = advance(o, plan, was, body)
  keep_apart(plan)
  describe(o, plan)
  if plan.over then over_in_batch(plan.over[1], plan.over[2]) end
  if plan.own then lead(plan) end
  note(plan.operation, 'accepted', plan.name, plan.status, plan.percentage or '', plan.sender)
  count('events')
  if #plan.targets == 0 then
    count('accepted')
    count('held:no_rule')
    note(plan.operation, 'held', '', 'no_rule')
    return {'accepted' .. as, 0, '', 'no_rule'}
  end
  local answer, references = {'accepted' .. as, 0}, 0
  for _, target in ipairs(plan.targets) do
    local refused = target.held or suppressed(target.destination, target.address)
    local thread = target.live and plan.rank and thread_of(target)
    local reason = refused or not target.windows
      and (left_out(plan, target, thread) or silenced(o, plan, target) or gate(o, plan, target))
    local made = nil -- references to the body, or nil: nothing was queued here
    if target.windows and not reason then
      collect(plan, target)
      answer[2] = answer[2] + 1
    elseif not reason and target.live and plan.rank then
      made = refresh(plan, target, o, seq, thread)
    elseif not reason then
      -- An event without a rank changes no state that a live message could show: it is told beside it.
      made = speak(target.id, plan, target, spec_of(plan, target, seq, target.live and 'reply' or 'each'))
      if plan.rank == TERMINAL then hurry(target.live and replies_of(target.lane) or target.lane) end
      if made == 0 then made = nil end
    elseif reason == 'batch' then
      made = tell_batch(plan, target, seq)
      if made == 0 then made, reason = nil, false elseif made then reason = false end
    end
    if made then
      answer[2], references = answer[2] + 1, references + made
      note(plan.operation, 'queued', target.destination, target.address)
    elseif not reason and not target.windows then -- the quiet hours have it, counted and noted
      answer[#answer + 1] = target.destination
      answer[#answer + 1] = 'quiet_hours'
    elseif reason then
      count('accepted')
      count('held:' .. reason)
      note(plan.operation, 'held', target.destination, reason, refused and target.address or nil)
      answer[#answer + 1] = target.destination
      answer[#answer + 1] = reason
    end
  end
  if references > 0 then redis.call('HSET', P .. 'event:' .. plan.event, 'body', body, 'refs', references) end
  return answer
end

-- The records last: with them the event is remembered, and what went wrong before that is made again as if for the first
-- time.
local function one(delivery_digest, fact_digest, plan, body)
  counts, lines = {}, {}
  local answer = accept(delivery_digest, fact_digest, cjson.decode(plan), body)
  for operation, noted in pairs(lines) do
    local new = write_lines(operation, unpack(noted)) == #noted
    if new or operation_record(operation).renewed then redis.call('PEXPIRE', P .. 'log:' .. operation, KEEP_OPERATION) end
  end
  for it in pairs(unwritten) do
    if it.more then redis.call('SADD', ids_key(it), unpack(it.more)) end
    it.more = nil
    it:write()
    if it.renewed and it.known.many then redis.call('PEXPIRE', ids_key(it), KEEP_OPERATION) end
    it.renewed = nil
  end
  return answer
end

local answers, total = {}, {}
for i = 3, #ARGV, 4 do
  local done, answer = pcall(one, ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3])
  for field, by in pairs(counts) do total[field] = (total[field] or 0) + by end -- what it made before it failed is there
  if not done then
    forget_records()
    answer = {'error', type(answer) == 'table' and answer.err or tostring(answer)}
  end
  answers[#answers + 1] = answer
end
for field, by in pairs(total) do
  if by ~= 0 then redis.call('HINCRBY', LEDGER, field, by) end
end
return answers
