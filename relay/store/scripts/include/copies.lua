-- Copies of what was sent, as people got it: sealed or not, these bytes are read by relay/store/copies.py alone.
--- @include "keys"
local keep_copy, forget_copies
do -- the rest is of this file alone

local COPIES, SIZES = P .. 'copies', P .. 'copied'
local KEPT = 3 * DAY
local ALL = '' -- the field with the sum of the others

-- The oldest, with their sizes. Answers how many bytes are left.
local function drop_oldest(count)
  local oldest = redis.call('ZPOPMIN', COPIES, count)
  for i = 1, #oldest, 2 do
    local size = redis.call('HGET', SIZES, oldest[i]) or 0
    redis.call('HDEL', SIZES, oldest[i])
    redis.call('HINCRBY', SIZES, ALL, -size)
    redis.call('DEL', P .. 'copy:' .. oldest[i])
  end
  return tonumber(redis.call('HGET', SIZES, ALL) or '0')
end

-- In place of what was kept under this name. So many copies at most, of so many bytes together.
function keep_copy(name, copy, most, most_bytes)
  local was = redis.call('HGET', SIZES, name) or 0
  redis.call('SET', P .. 'copy:' .. name, copy, 'PX', KEPT)
  redis.call('ZADD', COPIES, now, name)
  redis.call('HSET', SIZES, name, #copy)
  local bytes = redis.call('HINCRBY', SIZES, ALL, #copy - was)
  local old = redis.call('ZCOUNT', COPIES, '-inf', now - KEPT)
  local surplus = math.max(old, redis.call('ZCARD', COPIES) - most)
  if surplus > 0 then bytes = drop_oldest(surplus) end
  while bytes > most_bytes and redis.call('ZCARD', COPIES) > 0 do bytes = drop_oldest(1) end
  redis.call('PEXPIRE', COPIES, KEPT + DAY)
  redis.call('PEXPIRE', SIZES, KEPT + DAY)
end

-- This part of them, for a Redis that fills up. Answers how many are left.
function forget_copies(part)
  drop_oldest(math.ceil(redis.call('ZCARD', COPIES) * part))
  return redis.call('ZCARD', COPIES)
end

end
