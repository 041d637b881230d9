-- Order: what is older than what is known, and where a new run begins.
--- @include "records"
--- @include "watched"

-- What is known of the order of its events, before this one changes it.
local function order_of(o)
  local state = o:values('state')
  return {rank = state[RANK] or nil, retry = tonumber(state[RETRY] or ''), percentage = state[PERCENTAGE] or nil,
          phases = state[PHASES] or nil, at = state[AT] or nil}
end

-- Is this older than what is known? Terminal beats running, a percentage never goes back, inside one retry.
local function late(plan, was)
  if plan.watch and was.rank == TERMINAL then return true end
  if not plan.rank or not was.rank then return false end
  if plan.retry ~= was.retry then return plan.retry < was.retry end
  if plan.rank < TERMINAL and was.rank == TERMINAL then return true end
  if plan.rank == INITIATED and was.rank >= RUNNING then return true end
  if plan.phase_end then return plan.phases and was.phases and plan.phases < was.phases end
  if not plan.progress then return false end
  if plan.percentage and was.percentage then return plan.percentage < was.percentage end
  return plan.at < was.at
end

-- A retry starts afresh: what the failed run said must not show in the new one, nor hold back its progress.
local function reset_run(o)
  for _, name in ipairs(redis.call('HKEYS', o.key)) do
    if name:match('^gate:') or name:match('^doc:') or name:match('^says:') or name:match('^mute:') then o:set(name, nil) end
  end
  for name in pairs(PLACE) do
    if name:match('^watch:') or name:match('^seq:') then o:set(name, nil) end
  end
  for _, name in ipairs({'percentage', 'phases', 'went_on', 'fact:pressed'}) do o:set(name, nil) end
end

-- When the runs before the newest began, oldest first: number of the run, how many starts after an outcome that includes,
-- and the ms (relay/domain/run_numbers.py). Those of ids that are run again and again: what is repeated of a run is told
-- by them from what is new.
local remember_start
do
local STARTS = 8
function remember_start(o, was)
  local began = o:number('began')
  if not began then return end -- of a retry under a new id, which says its run
  local starts, start = o:get('starts'), string.format('%d:%d:%.0f', was.retry, o:number('fact:restarts') or 0, began)
  starts = starts and starts .. ' ' .. start or start
  local _, more = starts:gsub(' ', ' ')
  o:set('starts', more < STARTS and starts or starts:match(' (.*)$'))
end
end

-- A start that began after the outcome is of a new run, which has another number and so is another fact. Where the
-- outcome came in after the run was looked up, it is looked up again.
local function begins_anew(plan, was)
  return plan.begun and was.rank == TERMINAL and plan.begun > was.at and plan.retry <= was.retry
end

-- Another outcome was recorded since this one was compared with those that were (relay/domain/run_ends.py).
local function ends_changed(o, plan) return plan.ends and plan.ends[1] ~= (o:get('ends') or '') end

-- What the event states of its facts, by their places in the record.
local function stated(plan)
  plan.facts = plan.facts or {cmsgpack.unpack(plan.packed)}
  return plan.facts
end

local function states(plan, fact) return stated(plan)[PLACE[fact]] end

-- What of the newest state in a few words may stand as true, for the same as a fact (entries.lua).
local IN_ENTRY = {[PLACE['fact:name']] = PLACE['entry:name'], [PLACE['fact:type']] = PLACE['entry:type'],
                  [PLACE['fact:priority']] = PLACE['entry:priority']}

-- Mostly an event states what is known, and nothing is looked at.
local function state_facts(o, plan)
  if plan.as_known then return end
  local facts, new = o:values('facts'), stated(plan)
  if new[PLACE.id] and facts[PLACE.id] ~= new[PLACE.id] then o:set('id', new[PLACE.id]) end
  for _, place in ipairs(FACTS) do
    -- What an earlier run adds late does not count the starts since.
    if new[place] and facts[place] ~= new[place] and (plan.rank or place ~= PLACE['fact:restarts']) then
      if facts[IN_ENTRY[place] or 0] == true then facts[IN_ENTRY[place]] = facts[place] end
      facts[place] = new[place]
      o:touch('facts')
    end
  end
end

local says_more, another_s
do

-- Whether what is known would be filled in (relay/domain/facts.py, fill): the event leaves out what is known, or may be of
-- another run, or of another one's operation, than it says. `plain`: it is no start, so that an end begins no run.
function says_more(o, packed, plain)
  local state, text = o:values('state'), o:get('facts')
  if tonumber(state[RETRY] or 0) ~= 0 or o:get('apart') then return true end
  if state[RANK] == TERMINAL and not plain then return true end
  if not text or text == packed then return false end
  local facts, new = o:values('facts'), {cmsgpack.unpack(packed)}
  for _, place in ipairs(FACTS) do
    if facts[place] and not new[place] then return true end
  end
  return false
end

local function of_another(o, plan)
  if not o:get('facts') then return false end
  local facts, new = o:values('facts'), stated(plan)
  for place = PLACE['fact:platform'], PLACE['fact:project'] do
    if facts[place] and new[place] and facts[place] ~= new[place] then return true end
  end
end

-- Two tenants may begin with one id at the same moment, when nobody has it yet: the second one is looked up again. So is
-- the member of a batch that nobody had heard of, where another tenant's of this id has begun since.
function another_s(o, plan)
  return not plan.apart and not plan.as_known and of_another(o, plan)
    or plan.batch and of_another(operation_record(plan.batch), plan)
end
end

-- A thinner report of progress that is known: the callback beside the webhook may name no phase.
local function says_less(plan, was)
  return plan.progress and plan.percentage and plan.phase == '' and not plan.phases and was.rank == RUNNING
    and plan.percentage == was.percentage and plan.retry == was.retry
end

local function next_seq(o)
  local state = o:values('state')
  state[SEQ] = (state[SEQ] or 0) + 1
  o:touch('state')
  return state[SEQ]
end

-- Over: its documents are needed for a while, and for as long as something of these lanes is queued (trim.lua). Another
-- outcome of the run may be told to others: their lanes join those that are known.
local function keep_lanes(o, operation, targets)
  local lanes = o:get('lanes') or ''
  for _, target in ipairs(targets) do
    if target.live and not lanes:find(target.lane, 1, true) then
      lanes = lanes == '' and target.lane or lanes .. ' ' .. target.lane
    end
  end
  o:set('lanes', lanes)
  redis.call('ZADD', OVER, now + KEEP_DOCUMENTS, operation)
  redis.call('PEXPIRE', OVER, KEEP_OPERATION) -- by then the newest of them is forgotten itself
end
