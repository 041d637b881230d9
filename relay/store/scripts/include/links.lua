-- Ids that lead to other operations: retries under a new id, members of batches, ids that several platforms use.
--- @include "order"
--- @include "watched"
--- @include "letters"

-- A retry under a new id continues what the original began: whatever names it later is led there (store.known).
local function link_retry(plan)
  local own = operation_record(plan.own)
  own:read({'state', 'run', 'facts'})
  own:set_once('fact:original', states(plan, 'id'))
  own:set_once('fact:retry', plan.retry)
  own:set_once('led', plan.operation)
  if plan.led_home then own:set_once('led_home', plan.led_home) end
  for _, name in ipairs({'fact:platform', 'fact:tenant', 'fact:project'}) do -- another tenant's run is not led there
    if states(plan, name) then own:set_once(name, states(plan, name)) end
  end
  own:keep()
end

-- Whose run an id is, was looked up a moment ago. Meanwhile another event may have led it to its original, or begun a
-- message of its own for it; planned anew, this one joins whichever was first, so that neither is left behind.
local function must_retarget(o, plan)
  if plan.action or plan.about_batch or plan.linked then return false end -- a batch is no run, even if one has the same id
  if not plan.own then return not plan.as_known and o:get('fact:original') ~= false end
  local own = operation_record(plan.own)
  own:read({'state', 'run', 'facts'})
  for _, name in ipairs({'fact:platform', 'fact:tenant', 'fact:project'}) do -- somebody else had the id first
    local known, stated_now = own:get(name), states(plan, name)
    if known and stated_now and known ~= stated_now then return true end
  end
  if not own:get('fact:original') then return own:get('first') end
  return math.max(own:number('fact:retry') or 0, plan.stated) ~= plan.retry -- its first event decided which run it is
end

-- Ids that others had first: these are marked, and live as long as the others do (relay/store/knowledge.py).
local function mark_apart(operation, space)
  redis.call('SADD', P .. 'spaces:' .. operation, space)
  operation_record(operation):set('apart', 1)
  operation_record(operation):write()
  redis.call('PEXPIRE', P .. 'spaces:' .. operation, KEEP_OPERATION)
  if redis.call('PTTL', operation_key(operation)) < KEEP_OPERATION then -- it may be kept for longer (trim.lua)
    redis.call('PEXPIRE', operation_key(operation), KEEP_OPERATION)
    redis.call('PEXPIRE', P .. 'ids:' .. operation, KEEP_OPERATION)
  end
end

local function keep_apart(plan)
  for _, id in ipairs(plan.spaces or {}) do
    if id[3] then post(id[3], 'apart', id) else mark_apart(id[1], id[2]) end
  end
end

-- The batch says that this run of a member is over; its own end may never be told. One that was run again goes on.
local function run_is_over(operation, run)
  local o = operation_record(operation)
  if run < (o:number('retry') or 0) then return end
  unwatch(operation)
  for home in (o:get('followers') or ''):gmatch('%S+') do post(home, 'calm', {operation}) end
end

local function over_in_batch(member, run)
  local own = operation_record(member)
  own:read({'state', 'run', 'facts'})
  local operation = own:get('led') or member
  run = own:number('fact:retry') or run + (own:number('fact:restarts') or 0)
  if own:get('led_home') then return post(own:get('led_home'), 'over', {operation, run}) end
  run_is_over(operation, run)
end
