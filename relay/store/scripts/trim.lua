#!lua flags=allow-oom
-- trim: the documents of runs that ended three days ago go, and the summary with them; order, facts, ids and the end of
-- the log stay as long as the operation.
-- It frees memory, so a full Redis runs it too. KEYS[1] the ledger. ARGV from 3: at most so many, and how long
-- after its outcome a run is remembered (ms); then runs that go now, whatever others have. Answers how many it saw, then for
-- each that other partitions may have something of its name and its lanes (relay/store/runs.py looks there).
--- @include "records"
--- @include "watched"
--- @include "ledger"
local left = math.max(tonumber(ARGV[4]) - KEEP_DOCUMENTS, DAY)
local LOG_KEPT = 6 -- lines of what happened that are left
local PARTS = {'^doc:', '^says:', '^gate:', '^entry', '^lanes$', '^buried$', '^ids$', '^watch:', '^seq:', '^kept$', '^followers$',
               '^tallies$', '^job$', '^holds$', '^again:'}
local DIGEST = 8 -- bytes of an id or a fact (ids.lua)

local function matches(name, patterns)
  for _, pattern in ipairs(patterns) do
    if name:match(pattern) then return true end
  end
end

-- Without what is dropped, and made anew: a hash that once held something long keeps the form that takes three times the
-- room.
local function shrink(key, dropped)
  local fields, kept = redis.call('HGETALL', key), {}
  for i = 1, #fields, 2 do
    if not matches(fields[i], dropped) then
      kept[#kept + 1] = fields[i]
      kept[#kept + 1] = fields[i + 1]
    end
  end
  redis.call('DEL', key)
  if kept[1] then redis.call('HSET', key, unpack(kept)) end
end

-- The digests move into the set beside the operation, where they take no more room than they are long.
local function set_ids_apart(operation, ids)
  local key = P .. 'ids:' .. operation
  for digest in ids:gmatch(('.'):rep(DIGEST)) do redis.call('SADD', key, digest) end
  redis.call('PEXPIRE', key, left)
end

-- Until when what is queued or dead may still be made from the documents; nil if nothing is.
local function needed(o)
  local buried = o:number('buried')
  if buried and now - buried < 30 * DAY then return buried + 30 * DAY end
  for lane in (o:get('lanes') or ''):gmatch('%S+') do
    if redis.call('EXISTS', lane_key(lane), lane_key(replies_of(lane))) > 0 then return now + DAY end
  end
end

-- What is left of an operation's record: its order and facts, and that its ids are kept beside it.
local function forget_course(o)
  for name in pairs(PLACE) do
    if matches(name, PARTS) then o:set(name, nil) end
  end
  o:set('many', 1)
  o:write()
end

local elsewhere = {} -- those that other partitions may have something of

local function trim(operation, free)
  local o = operation_record(operation)
  o:read({'state', 'run', 'facts', 'lanes', 'ids', 'buried', 'tallies'})
  local over = o:get('rank') == TERMINAL
  local wait = over and needed(o)
  if over and not wait and not free and o:get('followers') then
    local lanes = {operation}
    for lane in (o:get('lanes') or ''):gmatch('%S+') do lanes[#lanes + 1] = lane end
    elsewhere[#elsewhere + 1] = lanes
    wait = now + DAY
  end
  if wait then return redis.call('ZADD', OVER, wait, operation) end
  redis.call('ZREM', OVER, operation)
  if not over then return end
  for lane in (o:get('lanes') or ''):gmatch('%S+') do
    shrink(thread_key(lane), {'^spec$', '^interval$', '^name$', '^seq$', '^done$', '^sent$', '^calls?$', '^healed$',
                             '^failed$'})
    redis.call('PEXPIRE', thread_key(lane), left)
  end
  set_ids_apart(operation, o:get('ids') or '')
  local alive = redis.call('PTTL', o.key)
  forget_course(o)
  shrink(o.key, PARTS)
  -- Another one's run of this id goes on, and is found by this key (links.lua, keep_apart).
  redis.call('PEXPIRE', o.key, o:get('apart') and math.max(alive, left) or left)
  local open = o:get('tallies')
  if open then write_lines(operation, cmsgpack.unpack(open)) end
  redis.call('LTRIM', P .. 'log:' .. operation, -LOG_KEPT, -1)
  redis.call('PEXPIRE', P .. 'log:' .. operation, left)
end

local over = redis.call('ZRANGEBYSCORE', OVER, '-inf', now, 'LIMIT', 0, ARGV[3])
for _, operation in ipairs(over) do
  -- One that is damaged costs no other its turn; it leaves with its key.
  if not pcall(trim, operation) then redis.call('ZREM', OVER, operation) end
end
for i = 5, #ARGV do pcall(trim, ARGV[i], true) end
return {#over, unpack(elsewhere)}
