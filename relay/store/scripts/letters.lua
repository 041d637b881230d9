#!lua flags=allow-oom
-- letters: what crosses partitions. KEYS[1] the ledger. ARGV from 3: verb, arguments.
--- @include "abroad"
--- @include "jobs"
--- @include "links"
--- @include "order"
--- @include "presses"
--- @include "steps"
local verbs = {}

local MOST_BYTES = 4194304 -- in one step

-- Its number, whether somebody is to hear of it, and the rest. What is no letter has none of them.
local function opened(text) return text:match('^(%d+) ([01]) (.*)$') end

-- The oldest letters to this partition, up to `most`. With `confirm` '1' it writes something: WAIT goes by the last
-- write of whoever asks, so that it says of the letters, too, whether the replicas have them.
function verbs.read(to, most, confirm)
  local letters, bytes = {}, 0
  for _, text in ipairs(redis.call('LRANGE', letters_key(to), 0, tonumber(most) - 1)) do
    bytes = bytes + #text
    if letters[1] and bytes > MOST_BYTES then break end
    letters[#letters + 1] = text
  end
  if letters[1] and confirm == '1' then redis.call('HSET', P .. 'ticks', 'carried', now) end
  return letters
end

-- What was applied there up to this number is done here.
function verbs.strike(to, number)
  local key = letters_key(to)
  while true do
    local head = redis.call('LINDEX', key, 0)
    if not head then return redis.call('SREM', POSTING, to) end
    local own, telling = opened(head)
    if own and tonumber(own) > tonumber(number) then return end
    redis.call('LPOP', key)
    if telling == '1' then
      count('accepted', -1)
      count('pending', -1)
    end
  end
end

local function take_words(o, words)
  o:set_field('facts', words.facts)
  o:set('entry', words.entry)
end

-- What this partition knows of an operation that lives in another: enough to tell it. Documents stay there.
local function follow(o, letter)
  local plan = letter.plan
  o:read({'state', 'run'})
  local run = o:number('retry')
  if run and letter.run and letter.run > run then
    detach_outcomes(o, letter.outcomes or {}, heal(o, plan.operation, letter.run))
    reset_run(o)
  end
  o:set('away', letter.home)
  o:set('seq', math.max(letter.seq, o:number('seq') or 0))
  o:set_once('first', letter.first)
  o:set('retry', letter.run)
  o:set('rank', letter.rank)
  take_words(o, letter.words)
  if plan.watch then
    o:set('watch:alarms', plan.watch.open and plan.watch.becomes or nil)
  elseif plan.action then
    mark_press(o, plan)
  elseif plan.rank == TERMINAL then
    keep_lanes(o, plan.operation, letter.targets)
  end
  o:keep()
end

local apply = {}

function apply.event(letter, body)
  local plan = letter.plan
  local o = operation_record(plan.operation)
  plan.targets = letter.targets
  follow(o, letter)
  for _, target in ipairs(plan.targets) do
    target.away = nil
    target.passed = true
  end
  return tell(o, plan, letter.seq, body, {})
end

function apply.report(letter)
  local o = operation_record(letter.plan.operation)
  if not o:get('away') then return end -- nobody was told of it here
  take_words(o, letter.words)
  refresh_outcome(letter.plan, letter.targets, letter.seq)
end

function apply.member(over) over_in_batch(over[1], over[2]) end

function apply.over(over) run_is_over(over[1], over[2]) end

function apply.apart(id) mark_apart(id[1], id[2]) end

-- A dead letter there may be replayed, and is made from the documents here.
function apply.buried(of)
  if redis.call('EXISTS', operation_key(of[1])) == 1 then operation_record(of[1]):set('buried', now) end
end

function apply.ended(of) jobs.record(of[1], of[2], of[3]) end

-- Its end is no news to the others: the run that has an alarm is over, as its batch says.
function apply.calm(of)
  local o = operation_record(of[1])
  if o:get('away') then o:set('watch:alarms', nil) end
end

-- Answers of whom nobody is told: destination, reason, …
local function applied(rest)
  begin_step()
  local verb, content, body = cmsgpack.unpack(rest)
  local told, held = apply[verb](content, body)
  end_step()
  return held or {}
end

-- The letters from this partition, in order; those that were applied before are left out. Answers the number of the last,
-- then for each that was applied now its number, what went wrong, and of whom nobody is told (destination, reason, …).
-- What went wrong is kept in `unread`, and counts as dead if somebody was to hear of it.
function verbs.apply(from, ...)
  begin_counting()
  local last, answer = tonumber(redis.call('HGET', P .. 'received', from) or '0'), {}
  for _, text in ipairs({...}) do
    local number, telling, rest = opened(text)
    if not number or tonumber(number) > last then
      last = number and tonumber(number) or last
      local done, held = pcall(applied, rest)
      if done then
        local row = {number, ''}
        for _, word in ipairs(held) do row[#row + 1] = word end
        answer[#answer + 1] = row
      else
        forget_records()
        answer[#answer + 1] = {number or '', type(held) == 'table' and held.err or tostring(held)}
        redis.call('RPUSH', P .. 'unread', text)
        if telling == '1' then
          count('accepted')
          count('dead')
        end
      end
    end
  end
  write_counts()
  redis.call('HSET', P .. 'received', from, string.format('%.0f', last))
  local all = {string.format('%.0f', last)}
  for _, row in ipairs(answer) do all[#all + 1] = row end
  return all
end

-- What is to be said of these operations now: for each what lasts, and its newest state in a few words.
function verbs.words(...)
  local all = {}
  for _, operation in ipairs({...}) do
    local words = words_of(operation_record(operation))
    all[#all + 1] = words.facts or ''
    all[#all + 1] = words.entry or ''
  end
  return all
end

-- In the morning all is told as it is then (bundles.lua, refresh_entries), of other partitions' operations too: page by page,
-- and not again after the last, so that each attempt tells the same. Three arguments each: its name, and its words.
function verbs.refresh(box, last, ...)
  if redis.call('HEXISTS', box_key(box), 'refreshed') == 1 then return end
  if last == '1' then redis.call('HSET', box_key(box), 'refreshed', now) end
  local args = {...}
  for i = 1, #args, 3 do
    local o = operation_record(args[i]) -- not written: a letter that came since may have said more
    if args[i + 2] ~= '' then
      take_words(o, {facts = args[i + 1], entry = args[i + 2]})
      redis.call('HSET', entries_key(box), args[i], entry_of(o))
    end
  end
end

-- An id leads to another operation (links.lua): decided here once, before the event is accepted there. False where that
-- is to be looked up again.
function verbs.link(text, facts)
  local plan = cjson.decode(text)
  plan.packed = facts
  if must_retarget(nil, plan) then return false end
  begin_step()
  link_retry(plan)
  keep_apart(plan)
  end_step()
  return 1
end

return verbs[ARGV[3]](unpack(ARGV, 4))
