-- Reports of a known outcome: another one may say more of it; and the outcome of a run that is begun again.
--- @include "live"
--- @include "outcomes"
local says, fuller, complete, refresh_outcome, outcomes_of, detach_outcomes
do -- the rest is of this file alone

-- What an outcome says beside its status (relay/domain/facts.py), between spaces.
function says(plan) return ' ' .. table.concat(plan.says or {}, ' ') .. ' ' end

-- Another report of a known outcome that says more of it than the first one did.
function fuller(o, plan, was)
  if not plan.says or was.rank ~= TERMINAL or plan.retry ~= was.retry then return false end
  local known = o:get('says:' .. plan.name)
  if not known then return false end
  for _, word in ipairs(plan.says) do
    if not known:find(' ' .. word .. ' ', 1, true) then return true end
  end
end

local OUTCOMES = {'operation.completed', 'operation.failed', 'operation.cancelled', 'batch.completed'}

-- Another outcome may have followed it, and is what is so now.
local function is_newest(o, name)
  for _, other in ipairs(OUTCOMES) do
    if (o:number('seq:' .. other) or 0) > (o:number('seq:' .. name) or 0) then return false end
  end
  return true
end

-- A known outcome, with what another report of it added. False if a third one was put together with it meanwhile, and this
-- one lacks a part that it added. (Fields are not compared: of many fields not all are listed.)
function complete(o, plan, body)
  local all = says(plan)
  for word in o:get('says:' .. plan.name):gmatch('%S+') do
    if not word:find('.', 1, true) and not all:find(' ' .. word, 1, true) then return false end
  end
  o:set('doc:' .. plan.name, body)
  o:set('says:' .. plan.name, all)
  for _, place in ipairs(FACTS) do
    if stated(plan)[place] then o:set_once(PACKED.facts[place], stated(plan)[place]) end
  end
  if is_newest(o, plan.name) then update_summary(o, plan) end
  note(plan.operation, 'completed', plan.name, plan.sender)
  return true
end

-- Messages that stand are brought up to date, and what is queued reads it when it is sent. Nothing new is posted.
function refresh_outcome(plan, targets, seq)
  for _, target in ipairs(targets) do
    local t = redis.call('HMGET', thread_key(target.lane), 'waiting', 'flying', 'posted')
    if target.live and t[1] then redis.call('HDEL', delivery_key(t[1]), 'lapsed') end -- live.lua, join
    if target.live and not t[1] and (t[2] or t[3]) and not suppressed(target.destination, target.address) then
      -- Numbered: the plan is made from the outcome that is kept, and a delivery by its id may be under way.
      local number = redis.call('HINCRBY', thread_key(target.lane), 'additions', 1)
      create(target.id .. '-addition-' .. number, spec_of(plan, target, seq, 'live'))
      note(plan.operation, 'queued', target.destination, target.address)
    end
    for _, window in ipairs(target.windows or {}) do
      local box = box_id(target.lane, 'digest', target.destination, target.address, window[1], window[2])
      if not sealed(box) and redis.call('HEXISTS', entries_key(box), plan.operation) == 1 then add_entry(box, plan.operation) end
    end
  end
end

-- The outcomes that are known of this run: name → event and its number.
function outcomes_of(o)
  local outcomes = {}
  for _, name in ipairs(OUTCOMES) do
    local body = o:get('doc:' .. name)
    outcomes[name] = body and {body, o:number('seq:' .. name)} or nil
  end
  return outcomes
end

-- What waits to be told beside the message stays so: one that shows a later event than `last` of this run is the next
-- one's, and does not tell it (claim.lua). Answers which outcomes that tells, each by its name and number.
local function set_replies_apart(lane, last)
  local told = {}
  for _, id in ipairs(replies_beside(lane)) do
    local reply = redis.call('HMGET', delivery_key(id), 'name', 'seq')
    if reply[1] then
      redis.call('HSETNX', delivery_key(id), 'ended', last)
      told[reply[1] .. ' ' .. reply[2]] = true
    end
  end
  return told
end

-- An outcome that was not posted yet would vanish with the run that it ended. Waiting, or dead, it becomes a message of
-- its own; under way, it keeps what it tells, and becomes one if it does not arrive (outcomes.lua, detach_outcome).
local function detach_from(lane, outcomes, last, healed)
  local told, thread = set_replies_apart(lane, last), thread_key(lane)
  local t = redis.call('HMGET', thread, 'waiting', 'flying', 'posted', 'calls', 'dead')
  if t[3] then return end
  -- What the message would have called people to was of this run, and whatever is left of that says it.
  if t[4] and t[4] ~= '' then redis.call('HSET', thread, 'calls', '') end
  -- One of them is enough: an addition or a repair may wait behind what tells it. What healed needs none (holds.lua).
  local kept = healed and 'operation.failed' or nil
  for i, id in ipairs({t[2], t[1], t[5]}) do
    local d = id and redis.call('HMGET', delivery_key(id), 'urgent', 'name', 'event') or {}
    local known = d[1] == '1' and d[3] == '' and d[2] ~= kept and outcomes[d[2]]
    local body = known and not told[d[2] .. ' ' .. known[2]] and known[1]
    if body then
      kept = d[2]
      redis.call('HSET', P .. 'event:' .. id, 'body', body, 'refs', 1)
      redis.call('HSET', delivery_key(id), 'event', id)
      if i > 1 then detach_outcome(id) end
      if i == 2 then redis.call('HDEL', thread, 'waiting') end
    end
  end
end

-- Wherever an outcome of the run was told, whoever hears of the next one. outcomes: as of `outcomes_of`; healed: of `heal`.
function detach_outcomes(o, outcomes, healed)
  for lane in (o:get('lanes') or ''):gmatch('%S+') do detach_from(lane, outcomes, o:number('seq'), healed[lane]) end
end

end
