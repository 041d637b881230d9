#!lua flags=allow-oom
-- silence: the silences that people made (relay/domain/silences.py), in the first partition; and the end of one, in each.
-- KEYS[1] the ledger. ARGV from 3: verb, arguments.
--- @include "lanes"
local verbs = {}

local SILENCES, ENDS = P .. 'silences', P .. 'silences:ends'
local VERSION, LIFTING = P .. 'silences:version', P .. 'silences:lifting'
local KEPT, MOST_OVER = 30 * DAY, 1000 -- so long, and so many, of those that are over

local function forget(ids)
  for _, id in ipairs(ids) do
    redis.call('HDEL', SILENCES, id)
    redis.call('ZREM', ENDS, id)
  end
end

local function trim()
  forget(redis.call('ZRANGEBYSCORE', ENDS, '-inf', now - KEPT))
  local over = redis.call('ZCOUNT', ENDS, '-inf', now)
  if over > MOST_OVER then forget(redis.call('ZRANGE', ENDS, 0, over - MOST_OVER - 1)) end
end

-- Answers 1; 0 where as many as there may be (most) are not over yet. A second call finds it done.
function verbs.add(id, text, ends, most)
  if redis.call('HEXISTS', SILENCES, id) == 1 then return 1 end
  trim()
  if redis.call('ZCOUNT', ENDS, '(' .. now, '+inf') >= tonumber(most) then return 0 end
  redis.call('HSET', SILENCES, id, text)
  redis.call('ZADD', ENDS, ends, id)
  redis.call('SET', VERSION, 'add ' .. id)
  return 1
end

-- It ends now, and what it held is to be told in every partition. Answers 0 if it was over, or never was.
function verbs.expire(id)
  local ends = redis.call('ZSCORE', ENDS, id)
  if not ends or tonumber(ends) <= now then return 0 end
  redis.call('ZADD', ENDS, now, id)
  redis.call('HSET', LIFTING, id, ends)
  redis.call('SET', VERSION, 'expire ' .. id)
  return 1
end

-- What changed since `version`: the version, what is to be lifted with the ends that were planned (ms), and of each that
-- is not over the id, its text and when it ends (ms); '' where the version is the same.
function verbs.current(version)
  local is, lifting = redis.call('GET', VERSION) or '', redis.call('HGETALL', LIFTING)
  if is == version then return {is, lifting, ''} end
  return {is, lifting, verbs.list('(' .. now, '+inf')}
end

-- Those that end in this span.
function verbs.list(from, to)
  local rows = {}
  local ends = redis.call('ZRANGEBYSCORE', ENDS, from, to, 'WITHSCORES')
  for i = 1, #ends, 2 do
    local text = redis.call('HGET', SILENCES, ends[i])
    if text then rows[#rows + 1], rows[#rows + 2], rows[#rows + 3] = ends[i], text, ends[i + 1] end
  end
  return rows
end

-- In every partition: nothing is held by it any more, whoever has not heard of that, and what was is due now. Answers
-- the channels in which something is.
function verbs.lift(id, planned)
  redis.call('SET', P .. 'unsilenced:' .. id, 1, 'PX', math.max(tonumber(planned) - now, 0) + DAY)
  local held, channels, answers = P .. 'silenced:' .. id, {}, {}
  for _, name in ipairs(redis.call('SMEMBERS', held)) do
    local d = redis.call('HMGET', delivery_key(name), 'channel', 'lease', 'died')
    if d[1] and d[2] == '' and not d[3] then
      set_due(name, now)
      if redis.call('HGET', P .. 'box:' .. name, 'kind') == 'silence' then -- it is of the time that the silence lasted
        redis.call('HSET', P .. 'box:' .. name, 'to', now)
        redis.call('HSET', delivery_key(name), 'created', now)
      end
      make_due(name)
      channels[d[1]] = true
    end
  end
  redis.call('DEL', held)
  for channel in pairs(channels) do answers[#answers + 1] = channel end
  return answers
end

-- It was lifted everywhere.
function verbs.lifted(id) return redis.call('HDEL', LIFTING, id) end

return verbs[ARGV[3]](unpack(ARGV, 4))
