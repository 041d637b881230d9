-- An operation and its messages live in different partitions where there are several: the operation is decided on in its
-- own, the messages are made at their address's. What these need to know of it travels in letters, and is applied by
-- `follow` (letters.lua).
--- @include "letters"
--- @include "telling"
--- @include "links"
local words_of, post_event, post_report, at_home, begin_again, end_in_batch
do -- the rest is of this file alone

-- Gates are passed where the operation lives, so they need nothing here.
local CARRIED = {'operation', 'event', 'name', 'retry', 'rank', 'progress', 'phase_end', 'urgent', 'urgency', 'member', 'action',
                 'watch', 'entry', 'cause', 'said'}

local function carried(plan)
  local content = {}
  for _, name in ipairs(CARRIED) do content[name] = plan[name] end
  return content
end

-- What lasts of the operation, and its newest state in a few words.
function words_of(o)
  return {facts = o:packed_field('facts'), entry = o:get('entry') or nil}
end

-- Which partitions follow this operation.
local function followers(o)
  local all = {}
  for home in (o:get('followers') or ''):gmatch('%S+') do all[home] = true end
  return all
end

local function add_followers(o, all, away)
  for home in pairs(away) do
    if not all[home] then o:set('followers', (o:get('followers') or '') .. ' ' .. home) end
    all[home] = true
  end
end

-- Whoever was told of it before learns of its end, its alarms and its new runs as well.
function post_event(o, plan, seq, body, away, outcomes)
  local all = followers(o)
  add_followers(o, all, away)
  local follow = plan.rank == TERMINAL or plan.watch or outcomes
  local letter = {plan = carried(plan), seq = seq, first = o:get('first') or now, run = o:number('retry'),
                  rank = o:get('rank') or nil,
                  words = words_of(o), outcomes = outcomes, home = plan.home}
  for home in pairs(all) do
    if away[home] or follow then
      letter.targets = away[home] or {}
      post(home, 'event', letter, away[home] and body, away[home] ~= nil)
    end
  end
end

function post_report(o, plan, away)
  for home, targets in pairs(away) do
    local letter = {plan = carried(plan), seq = o:number('seq'), words = words_of(o), targets = targets}
    post(home, 'report', letter)
  end
end

-- The targets whose messages this partition makes, and the others by partition.
function at_home(plan)
  if not plan.home then return plan.targets, {} end
  local here, away = {}, {}
  for _, target in ipairs(plan.targets) do
    if target.away then
      away[target.away] = away[target.away] or {}
      table.insert(away[target.away], target)
    else
      here[#here + 1] = target
    end
  end
  return here, away
end

-- A new run: outcomes of the one before that were not posted yet become messages of their own. Answers them, for those
-- who follow.
function begin_again(o, operation, run)
  local outcomes = outcomes_of(o)
  detach_outcomes(o, outcomes, heal(o, operation, run))
  return outcomes
end

-- The batch says that a run of its member is over.
function end_in_batch(over)
  if over[3] then post(over[3], 'member', over) else over_in_batch(over[1], over[2]) end
end

end
