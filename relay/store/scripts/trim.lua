#!lua flags=allow-oom
-- trim: the documents of runs that ended three days ago go, and the summary with them; order, facts, ids and the end of
-- the log stay as long as the operation.
-- It frees memory, so a full Redis runs it too. KEYS[1] the ledger. ARGV from 3: at most so many, and how long
-- after its outcome a run is remembered (ms). Answers how many it saw.
--- @include "watched"
local left = math.max(tonumber(ARGV[4]) - KEEP_DOCUMENTS, DAY)
local LOG_KEPT = 10 -- lines of what happened that are left
local PARTS = {'^doc:', '^seq:', '^says:', '^gate:', '^watch:', '^entry$', '^lanes$', '^buried$', '^kept$', '^ids$', '^many$'}
local DIGEST = 8 -- bytes of an id or a fact (accept.lua)

-- Without what is dropped, and made anew: a hash that once held something long keeps the form that takes three times the
-- room.
local function shrink(key, dropped)
  local fields, kept = redis.call('HGETALL', key), {}
  for i = 1, #fields, 2 do
    local keep = true
    for _, part in ipairs(dropped) do
      if fields[i]:match(part) then keep = false end
    end
    if keep then
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
local function needed(key)
  local o = redis.call('HMGET', key, 'lanes', 'buried')
  if o[2] and now - tonumber(o[2]) < 30 * DAY then return tonumber(o[2]) + 30 * DAY end
  for lane in (o[1] or ''):gmatch('%S+') do
    if redis.call('EXISTS', lane_key(lane), lane_key(replies_of(lane))) > 0 then return now + DAY end
  end
end

local function trim(operation)
  local key = operation_key(operation)
  local wait = redis.call('HGET', key, 'rank') == '2' and needed(key)
  if wait then return redis.call('ZADD', OVER, wait, operation) end
  redis.call('ZREM', OVER, operation)
  if redis.call('HGET', key, 'rank') ~= '2' then return end
  for lane in (redis.call('HGET', key, 'lanes') or ''):gmatch('%S+') do
    shrink(thread_key(lane), {'^spec$', '^interval$', '^calls$'})
    redis.call('PEXPIRE', thread_key(lane), left)
  end
  set_ids_apart(operation, redis.call('HGET', key, 'ids') or '')
  local alive = redis.call('PTTL', key)
  shrink(key, PARTS)
  redis.call('HSET', key, 'many', 1)
  -- Another one's run of this id goes on, and is found by this key (links.lua, keep_apart).
  redis.call('PEXPIRE', key, redis.call('HEXISTS', key, 'apart') == 1 and math.max(alive, left) or left)
  redis.call('LTRIM', P .. 'log:' .. operation, -LOG_KEPT, -1)
  redis.call('PEXPIRE', P .. 'log:' .. operation, left)
end

local over = redis.call('ZRANGEBYSCORE', OVER, '-inf', now, 'LIMIT', 0, ARGV[3])
for _, operation in ipairs(over) do
  -- One that is damaged costs no other its turn; it leaves with its key.
  if not pcall(trim, operation) then redis.call('ZREM', OVER, operation) end
end
return #over
