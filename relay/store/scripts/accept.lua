#!lua
-- accept: identity, order, gates, deliveries and ledger of every event of a batch, in one step.
-- KEYS[1] the ledger. ARGV from 3: nine per event: delivery digest ('' if none), fact digest (8 bytes each), operation,
-- the lanes whose gates it may have to pass, flags, plan (JSON, see plan.py), facts and entry (records.lua), body. Of the
-- flags `plain` says that it can say no more than another of its fact, `unasked` that nobody looked up what is known. Answers one array per event; a fault in one event never touches its neighbours, and is not
-- remembered: the sender's next try is accepted. The flagless first line lets Redis refuse all of it before it begins
-- where it takes no writes, full or a replica.
-- An event costs one read and one write of its operation's record (records.lua), whatever it changes there.
--- @include "ids"
--- @include "order"
--- @include "links"
--- @include "heartbeat"
--- @include "presses"
--- @include "telling"
--- @include "abroad"
--- @include "jobs"
--- @include "steps"

local accept
do -- the rest, but for its caller, is of this alone

-- Read at once, before anything is decided; and the gates that progress may have to pass.
local FIELDS = {'state', 'run', 'facts', 'ids', 'entry', 'tallies'}

local function fields_of(gates)
  if gates == '' then return FIELDS end
  local fields = {unpack(FIELDS)}
  for lane in gates:gmatch('%S+') do fields[#fields + 1] = 'gate:' .. lane end
  return fields
end

local NONE = {}

-- What plan.py and target_plan.py leave out where it is empty.
local function decoded(text, o, operation, facts, entry)
  local plan = cjson.decode(text)
  plan.operation, plan.packed, plan.entry, plan.as_known = operation, facts, entry, o:get('facts') == facts
  plan.targets, plan.phase, plan.urgency = plan.targets or NONE, plan.phase or '', plan.urgency or ''
  plan.retry = plan.retry or 0
  return plan
end

local function advance(o, plan, was, body)
  if plan.watch then return record_alarm(o, plan, body) end
  if plan.action then return record_action(o, plan) end
  local state, seq = o:values('state'), next_seq(o)
  local new_run = plan.rank and was.retry and plan.retry > was.retry
  if not o:get('first') then
    o:set('first', now)
    record_begin(plan.operation)
  end
  state[LAST] = now
  if new_run then remember_start(o, was) end
  state_facts(o, plan)
  if plan.rank then
    if new_run then
      reset_run(o)
      redis.call('SREM', STALLED, plan.operation)
      was = NONE
    end
    -- Under its own id alone: what the original reports after a retry under another id began is of the original.
    -- A start after an outcome began when it says; its event may be dated later than the run's first progress.
    if not was.retry then
      local began = states(plan, 'fact:restarts') and plan.begun and math.min(plan.begun, plan.at) or plan.at
      o:set('began', (plan.own or plan.linked) and '' or began)
    end
    state[RANK], state[RETRY], state[STATUS], state[AT] = plan.rank, plan.retry, plan.status, plan.at
    if plan.percentage and plan.rank == RUNNING then
      state[PERCENTAGE] = math.max(plan.percentage, was.percentage or 0)
    end
    if plan.phases then state[PHASES] = math.max(plan.phases, was.phases or 0) end
    o:set('doc:' .. plan.name, body)
    o:set('seq:' .. plan.name, seq)
    if plan.rank == TERMINAL then o:set('says:' .. plan.name, says(plan)) end
  end
  track_run(o, plan, was)
  if plan.ends then o:set('ends', plan.ends[2]) end
  if plan.rank == TERMINAL then
    keep_lanes(o, plan.operation, plan.targets)
  end
  if plan.job then o:set('job', plan.job) end
  o:keep()
  return seq
end

function accept(delivery_digest, fact_digest, operation, gates, flags, text, facts, entry, body)
  local o, plain = operation_record(operation), flags:sub(1, 5) == 'plain'
  o:read(fields_of(gates))
  if flags:sub(-7) == 'unasked' and says_more(o, facts, plain) then return {'elsewhere', 0, ''} end -- nothing is done yet
  local known, used = seen(o, fact_digest), seen(o, delivery_digest)
  if known and used and plain then -- what cannot say more than it did: nothing else of it is looked at
    count('received')
    count('duplicates')
    return {'duplicate', 0, ''}
  end
  local plan = decoded(text, o, operation, facts, entry)
  local was = order_of(o)
  if another_s(o, plan) or begins_anew(plan, was) or ends_changed(o, plan) then return {'elsewhere', 0, ''} end -- nothing is done yet
  count('received')
  -- An id alone makes no repetition: some senders put their registration's into every event.
  local told = known or used and plan.as_stated and seen(o, from_hex(plan.as_stated))
  if told or says_less(plan, was) then
    if told and fuller(o, plan, was) then
      if not (plan.completes and complete(o, plan, body)) then -- it is put together with what is known, and comes again
        count('received', -1)
        return {'fuller', 0, ''}
      end
      if plan['end'] then jobs.keep_end(o, plan) end
      local here, away = at_home(plan)
      refresh_outcome(plan, here, o:number('seq'))
      post_report(o, plan, away)
    end
    count('duplicates')
    if plan.ends then o:set('ends', plan.ends[2]) end
    if plan.differs then note(plan.operation, 'differs', plan.name, plan.sender, plan.differs) end
    if not used then record_repeat(o, plan, was) end
    return {'duplicate', 0, posted_to()}
  end
  if must_retarget(o, plan) then -- nothing is done yet
    count('received', -1)
    return {'elsewhere', 0, ''}
  end
  if plan.watch and alarm_outdated(o, plan.watch) then -- not remembered: it may come true later
    count('late')
    return {'late', 0, ''}
  end
  local why = press_rejected(o, plan)
  if why then
    count(why == 'late' and 'late' or 'duplicates')
    return {why, 0, ''}
  end
  local as = used and ' id reused' or ''
  remember(o, used and '' or delivery_digest, known and '' or fact_digest)
  if late(plan, was) then
    count('late')
    if plan.retry == was.retry then record_repeat(o, plan, was) end
    note(plan.operation, 'late', plan.name, plan.percentage or '')
    if plan.progress then count_event(plan.operation) end
    return {'late' .. as, 0, ''}
  end
  local outcomes = nil -- of the run before
  if plan.rank and was.retry and plan.retry > was.retry then
    outcomes = begin_again(o, plan.operation, plan.retry)
  end
  local seq = advance(o, plan, was, body)
  keep_apart(plan)
  if plan['end'] then jobs.keep_end(o, plan, outcomes) end
  update_summary(o, plan)
  if plan.over then end_in_batch(plan.over) end
  if plan.own then link_retry(plan) end
  local unheard = not plan.targets[1] and 'no_rule' or nil
  note(plan.operation, 'accepted', plan.name, plan.status, plan.percentage or '', plan.sender, unheard)
  count('events')
  if unheard then
    count('accepted')
    count('held:no_rule')
  end
  local away = {}
  local told, held = tell(o, plan, seq, body, away)
  if told == 0 and plan.progress and not outcomes then count_event(plan.operation) end
  if plan.home then post_event(o, plan, seq, body, away, outcomes) end
  if unheard then held = {'', 'no_rule'} end
  return {'accepted' .. as, told, posted_to(), unpack(held)}
end

end

local function one(...)
  begin_step()
  local answer = accept(...)
  end_step()
  return answer
end

begin_counting() -- what an event made before it failed is there, and counts
local answers = {}
for i = 3, #ARGV, 9 do
  local done, answer = pcall(one, unpack(ARGV, i, i + 8))
  if not done then
    forget_records()
    answer = {'error', type(answer) == 'table' and answer.err or tostring(answer)}
  end
  answers[#answers + 1] = answer
end
write_counts()
return answers
