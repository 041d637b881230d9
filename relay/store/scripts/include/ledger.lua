-- What is counted and noted.
--- @include "keys"
local LEDGER, counts, lines, count, write_lines, note
do -- the rest is of this file alone

LEDGER = P .. 'ledger'
local LOG_LENGTH = 200

-- Words that lines of the log say often, each as one byte that no text consists of. relay/store/notes.py reads them.
local CODES = {
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
}

-- A script may put together what it counts and notes, and write it once at its end (accept.lua).
counts = nil
lines = nil

function count(field, by)
  if not counts then return redis.call('HINCRBY', LEDGER, field, by or 1) end
  counts[field] = (counts[field] or 0) + (by or 1)
end

-- One line of what happened to an operation; `relay explain` reads it.
function write_lines(operation, ...)
  local log = P .. 'log:' .. operation
  local length = redis.call('RPUSH', log, ...)
  if length > LOG_LENGTH then redis.call('LTRIM', log, -LOG_LENGTH, -1) end
  return length
end

function note(operation, what, a, b, c, d, e)
  local line = cmsgpack.pack(now, CODES[what] or what, CODES[a] or a, CODES[b] or b, CODES[c] or c, CODES[d] or d,
                             CODES[e] or e)
  if not lines then
    if write_lines(operation, line) == 1 then redis.call('PEXPIRE', P .. 'log:' .. operation, KEEP_OPERATION) end
    return
  end
  local noted = lines[operation]
  if noted then
    noted[#noted + 1] = line
  else
    lines[operation] = {line}
  end
end

end
