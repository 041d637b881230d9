#!lua flags=allow-oom
-- trim: the documents of runs that ended three days ago go; order, facts and the summary stay as long as the operation.
-- It frees memory, so a full Redis runs it too. KEYS[1] the ledger. ARGV from 3: at most so many, and how long
-- after its outcome a run is remembered (ms). Answers how many it saw.
local left = math.max(tonumber(ARGV[4]) - KEEP_DOCUMENTS, DAY)
local LOG_KEPT = 20 -- lines of what happened that are left
local PARTS = {'^doc:', '^seq:', '^says:', '^gate:', '^watch:'}

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
    redis.call('HDEL', thread_key(lane), 'spec', 'interval')
    redis.call('PEXPIRE', thread_key(lane), left)
  end
  for _, name in ipairs(redis.call('HKEYS', key)) do
    for _, part in ipairs(PARTS) do
      if name:match(part) then redis.call('HDEL', key, name) end
    end
  end
  redis.call('HDEL', key, 'lanes', 'buried', 'kept')
  redis.call('PEXPIRE', P .. 'ids:' .. operation, left)
  redis.call('LTRIM', P .. 'log:' .. operation, -LOG_KEPT, -1)
  redis.call('PEXPIRE', P .. 'log:' .. operation, left)
  -- Another one's run of this id goes on, and is found by this key (accept.lua, keep_apart).
  if redis.call('HEXISTS', key, 'apart') == 0 or redis.call('PTTL', key) < left then redis.call('PEXPIRE', key, left) end
end

local over = redis.call('ZRANGEBYSCORE', OVER, '-inf', now, 'LIMIT', 0, ARGV[3])
for _, operation in ipairs(over) do
  -- One that is damaged costs no other its turn; it leaves with its key.
  if not pcall(trim, operation) then redis.call('ZREM', OVER, operation) end
end
return #over
