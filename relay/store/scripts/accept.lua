#!lua
-- accept: identity, order, gates, deliveries and ledger of every event of a batch, in one step.
-- KEYS[1] the ledger. ARGV from 3: four per event: delivery digest ('' if none), fact digest (8 bytes each), plan (JSON,
-- see plan.py), body. Answers one array per event; a fault in one event never touches its neighbours, and is not
-- remembered: the sender's next try is accepted. The flagless first line lets Redis refuse all of it before it begins
-- where it takes no writes, full or a replica.
-- An event costs one read and one write of its operation's record (records.lua), whatever it changes there.
--- @include "ids"
--- @include "order"
--- @include "links"
--- @include "heartbeat"
--- @include "presses"
--- @include "reports"
--- @include "entries"

-- Read at once, before anything is decided.
local FIELDS = {
  'rank', 'retry', 'percentage', 'phases', 'at', 'seq', 'first', 'ids', 'many', 'kept', 'id', 'entry', 'status',
  'fact:platform', 'fact:tenant', 'fact:project', 'fact:original', 'fact:name', 'fact:type', 'fact:priority',
  'fact:batch', 'watch:heard', 'watch:gaps', 'watch:moved', 'watch:phase', 'watch:estimate', 'watch:estimated',
  'watch:planned', 'watch:deadline', 'watch:alarms',
}

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

local function advance(o, plan, was, body)
  if plan.watch then return record_alarm(o, plan, body) end
  if plan.action then return record_action(o, plan) end
  local seq = next_seq(o)
  o:set_once('first', now)
  o:set('id', plan.subject)
  o:set('last', now)
  for name, value in pairs(plan.facts) do o:set(name, value) end
  if plan.rank then
    if was.retry and plan.retry > was.retry then
      reset_run(o)
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
  track_run(o, plan, was)
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
    if not used then record_repeat(o, plan, was) end
    return {'duplicate', 0}
  end
  if must_retarget(o, plan) then -- nothing is done yet
    count('received', -1)
    return {'elsewhere', 0}
  end
  if plan.watch and alarm_outdated(o, plan.watch) then -- not remembered: it may come true later
    count('late')
    return {'late', 0}
  end
  local why = press_rejected(o, plan)
  if why then
    count(why == 'late' and 'late' or 'duplicates')
    return {why, 0}
  end
  local as = used and ' id reused' or ''
  resolve_retry_number(plan)
  remember(o, delivery_digest, fact_digest)
  if late(plan, was) then
    count('late')
    if plan.retry == was.retry then record_repeat(o, plan, was) end
    note(plan.operation, 'late', plan.name, plan.percentage or '')
    return {'late' .. as, 0}
  end
  if plan.rank and was.retry and plan.retry > was.retry then
    for _, target in ipairs(plan.targets) do detach_outcomes(o, target) end
  end
  local seq = advance(o, plan, was, body)
  keep_apart(plan)
  update_summary(o, plan)
  if plan.over then over_in_batch(plan.over[1], plan.over[2]) end
  if plan.own then link_retry(plan) end
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
      and (shown_elsewhere(plan, target, thread) or silenced(o, plan, target) or gate(o, plan, target))
    local made = nil -- references to the body, or nil: nothing was queued here
    if target.windows and not reason then
      add_to_digest(plan, target)
      answer[2] = answer[2] + 1
    elseif not reason and target.live and plan.rank then
      made = upsert_live(plan, target, o, seq, thread)
    elseif not reason then
      -- An event without a rank changes no state that a live message could show: it is told beside it.
      local spec = spec_of(plan, target, seq, target.live and 'reply' or 'each')
      spec.alone = target.live
      made = enqueue(target.id, plan, target, spec)
      if plan.rank == TERMINAL then expedite(target.live and replies_of(target.lane) or target.lane) end
      if made == 0 then made = nil end
    elseif reason == 'batch' then
      made = reply_in_batch(plan, target, seq)
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
