-- append: an entry to the inbox, for the owner.
-- KEYS: inbox, owner; of an act the key of its answer. ARGV: the entry's id, the entry, how long the oldest one may wait
-- where an owner lives (ms; 0: it is never refused), how many bytes there may be where none does, how much of its lease
-- an owner has left that lives (ms), how long an answer is kept (ms), and what is kept until the answer is there.
-- Answers {taken, id in the inbox}; {known, answer} for an act that was taken before; {busy, ms that the oldest waits}.
local lag, most = tonumber(ARGV[3]), tonumber(ARGV[4])
local known = KEYS[3] and redis.call('GET', KEYS[3])
if known then
  redis.call('PEXPIRE', KEYS[3], ARGV[6])  -- a write, so that WAIT covers the entry, too
  return {'known', known}
end
if lag > 0 then
  local time, oldest = redis.call('TIME'), redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
  local waits = oldest and time[1] * 1000 + time[2] / 1000 - tonumber(string.match(oldest[1], '^%d+')) or 0
  local busy
  if redis.call('PTTL', KEYS[2]) >= tonumber(ARGV[5]) then
    busy = waits > lag
  else
    busy = oldest and redis.call('MEMORY', 'USAGE', KEYS[1]) > most
  end
  if busy then return {'busy', math.max(0, math.floor(waits))} end
end
if KEYS[3] then redis.call('SET', KEYS[3], ARGV[7], 'PX', ARGV[6]) end
return {'taken', redis.call('XADD', KEYS[1], '*', 'id', ARGV[1], 'entry', ARGV[2])}
