-- What is counted and noted.
--- @include "keys"
local LEDGER, LINE, CODES, counts, lines, count, packed_line, write_lines, note
do -- the rest is of this file alone

LEDGER = P .. 'ledger'
local LOG_LENGTH = 200
LINE = 7 -- values: when, what, and five of it

-- Words that lines of the log say often, each as one byte that no text consists of. relay/store/notes.py reads them.
CODES = {
  accepted = '\128', late = '\129', completed = '\130', queued = '\131', held = '\132', waits = '\133',
  digested = '\134', superseded = '\135', ['lease lapsed'] = '\136', failed = '\137', delivered = '\138',
  dead = '\139', suppressed = '\140', replayed = '\141', dropped = '\142', repair = '\143',
  ['operation.started'] = '\144', ['operation.progress'] = '\145', ['operation.phase.completed'] = '\146',
  ['operation.completed'] = '\147', ['operation.failed'] = '\148', ['operation.cancelled'] = '\149',
  ['operation.stalled'] = '\150', ['operation.recovered'] = '\151', ['batch.started'] = '\152',
  ['batch.operation.completed'] = '\153', ['batch.completed'] = '\154', Initiated = '\155', Queued = '\156',
  Running = '\157', Completed = '\158', Failed = '\159', Timeout = '\160', Cancelled = '\161', no_rule = '\162',
  increment = '\163', interval = '\164', quiet_hours = '\165', batch = '\166', low_priority = '\167',
  told_beside = '\168', ['newer state'] = '\169', live = '\170', reply = '\171', each = '\172',
  ['held progress'] = '\173', ['late progress'] = '\174',
}

-- A script may put together what it counts and notes, and write it once at its end (accept.lua).
counts = nil
lines = nil

function count(field, by)
  if not counts then return redis.call('HINCRBY', LEDGER, field, by or 1) end
  counts[field] = (counts[field] or 0) + (by or 1)
end

-- Up to so many values as the log has them: without those at the end that are absent.
function packed_line(values, last)
  while values[last] == nil do last = last - 1 end
  for i = 1, last do values[i] = CODES[values[i]] or values[i] end
  return cmsgpack.pack(unpack(values, 1, last))
end

-- Of what happened to an operation; `relay explain` reads them.
function write_lines(operation, ...)
  local log = P .. 'log:' .. operation
  local length = redis.call('RPUSH', log, ...)
  if length > LOG_LENGTH then redis.call('LTRIM', log, -LOG_LENGTH, -1) end
  return length
end

-- What happened, and up to five values of it. Within a step it is written at its end (steps.lua).
function note(operation, ...)
  if not lines then
    if write_lines(operation, packed_line({now, ...}, LINE)) == 1 then
      redis.call('PEXPIRE', P .. 'log:' .. operation, KEEP_OPERATION)
    end
    return
  end
  local noted = lines[operation] or {}
  noted[#noted + 1] = {now, ...}
  lines[operation] = noted
end

end
