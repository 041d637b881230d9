#!lua flags=allow-oom
-- dead letters: replay or drop. KEYS[1] the ledger. ARGV from 3: verb, then ids. Answers the number done.
-- A second replay of the same letter finds it no longer dead: it happens once.
--- @include "causes"
--- @include "outcomes"
--- @include "suppressions"
local verb, done = ARGV[3], 0

-- It would be dropped when it is claimed. A round-up goes to another address of its destination then.
local function is_suppressed(id)
  local d = redis.call('HMGET', delivery_key(id), 'destination', 'address', 'passes', 'kind')
  return d[1] and d[4] ~= 'roundup' and suppressed(d[1], d[2], d[3] == '2')
end

for i = 4, #ARGV do
  local id = ARGV[i]
  if not (verb == 'replay' and is_suppressed(id)) and redis.call('ZREM', DEAD, id) == 1 then
    local d = redis.call('HMGET', delivery_key(id), 'operation', 'destination', 'lane', 'kind')
    count('dead', -1)
    if verb == 'replay' then
      count('pending')
      -- What may have arrived still may: its channel is asked first, where that can tell.
      local doubt = math.min(1, tonumber(field(id, 'unknowns')))
      redis.call('HSET', delivery_key(id), 'attempts', 0, 'claims', 0, 'unknowns', doubt, 'due', now, 'dated', now,
                 'created', now)
      redis.call('HDEL', delivery_key(id), 'reason', 'error', 'died', 'failing', 'faults', 'failed', 'unreadable', 'removed')
      local waiting = converges(d[4]) and redis.call('HGET', thread_key(d[3]), 'waiting')
      if waiting then
        supersede(id, d[1], d[2], d[3], 'newer state')
      else
        if converges(d[4]) then redis.call('HSET', thread_key(d[3]), 'waiting', id) end
        note(d[1], 'replayed', d[2])
        join_lane(id, d[3])
      end
    else
      count('dropped')
      note(d[1], 'dropped', d[2])
      record_end(id, 'dropped')
      leave_cause(id)
      forget(id)
    end
    done = done + 1
  end
end
return done
