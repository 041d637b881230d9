-- New messages, and replies in the thread of the batch.
--- @include "withholding"
--- @include "deliveries"
--- @include "outcomes"
--- @include "holds"

-- How causes.lua tells failures of one cause; nil for what is none.
local function cause_of(plan, target)
  return target.group and plan.cause and string.format('%d %s', target.group, plan.cause) or nil
end

local function spec_of(plan, target, seq, kind)
  return {operation = plan.operation, destination = target.destination, channel = target.channel,
          address = target.address, kind = kind, name = plan.name, limits = target.limits,
          lane = kind == 'reply' and replies_of(target.lane) or target.lane,
          event = kind == 'live' and '' or plan.event, urgent = plan.urgency, seq = seq, due = now,
          passes = target.passes, loud = target.loud, cause = cause_of(plan, target),
          raised = plan.watch and plan.watch.raised}
end

-- A new message, now or with others later. Answers how many references to the event's body that makes.
local function enqueue(id, plan, target, spec)
  if silences.withhold(plan, target, now) then return 0 end
  create(id, spec)
  return 1
end

-- A terminal event does not wait for the retry of a progress message that it makes pointless.
local function expedite(lane)
  local head = redis.call('LINDEX', lane_key(lane), 0)
  if head and field(head, 'name') == 'operation.progress' and field(head, 'lease') == '' then
    set_due(head, now)
    make_due(head)
  end
end

-- live: nobody is told of it here, and why: its priority is for the digest, or its batch speaks for it. A message
-- that stands, or is on its way, is kept true all the same.
local function shown_elsewhere(plan, target, t)
  if not target.live or not plan.rank then return nil end
  if t[2] or t[3] then return nil end
  local member = target.batch_lane and target.batch_lane ~= target.lane
  if member and redis.call('EXISTS', thread_key(target.batch_lane)) == 1 then
    if t[1] then
      if field(t[1], 'urgent') == '1' then return nil end
      supersede(t[1], plan.operation, target.destination, target.lane, 'covered_by_batch')
    end
    return 'batch'
  end
  if not target.root and not t[1] then return target.beside and 'told_beside' or 'low_priority' end
end

-- A mishap of one member is told in the thread of its batch once: by the operation's own event or by the batch's,
-- whichever comes first. It is the target's for good: an event that failed half-way makes its reply when it is sent again.
local function claim_batch_reply(plan, target)
  if not plan.member then return true end
  local thread, mark = thread_key(target.batch_lane), 'told:' .. plan.member
  return redis.call('HSETNX', thread, mark, target.id) == 1 or redis.call('HGET', thread, mark) == target.id
end

-- Below a batch's message: whether the conversation sees this as well. What fails with the rest and calls nobody is seen
-- once: the first that failed. Of a stall, its own message tells.
local function is_loud(plan, target)
  if not target.loud or not plan.member then return target.loud and not target.once or nil end
  local thread = thread_key(target.batch_lane)
  local first = redis.call('HSETNX', thread, 'failed', target.id) == 1 or redis.call('HGET', thread, 'failed') == target.id
  return first or not target.once or nil
end

local reply_in_batch
do

-- The first message is due now: there is news below it.
local function expedite_root(lane)
  local t = redis.call('HMGET', thread_key(lane), 'waiting', 'flying', 'posted')
  if t[1] and not t[2] and not t[3] and field(t[1], 'attempts') == '0' then
    set_due(t[1], now)
    make_due(t[1])
  end
end

-- What an operation tells in its batch's thread; nil if that says it already, else as `speak`.
function reply_in_batch(plan, target, seq)
  if not target.batch_reply or not claim_batch_reply(plan, target) then return nil end
  local spec = spec_of(plan, target, seq, 'reply')
  spec.lane, spec.loud = replies_of(target.batch_lane), is_loud(plan, target)
  local references = enqueue(target.id .. '-batch', plan, target, spec)
  if references > 0 then expedite_root(target.batch_lane) end
  return references
end

end
