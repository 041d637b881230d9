-- What is counted and noted.
--- @include "keys"

local LEDGER = P .. 'ledger'
local LOG_LENGTH = 200

-- A script may put together what it counts and notes, and write it once at its end (accept.lua).
local counts, lines = nil, nil

local function count(field, by)
  if not counts then return redis.call('HINCRBY', LEDGER, field, by or 1) end
  counts[field] = (counts[field] or 0) + (by or 1)
end

-- One line of what happened to an operation; `relay explain` reads it.
local function write_lines(operation, ...)
  local log = P .. 'log:' .. operation
  local length = redis.call('RPUSH', log, ...)
  if length > LOG_LENGTH then redis.call('LTRIM', log, -LOG_LENGTH, -1) end
  return length
end

local function note(operation, ...)
  local line = cjson.encode({now, ...})
  if lines then
    lines[operation] = lines[operation] or {}
    table.insert(lines[operation], line)
  elseif write_lines(operation, line) == 1 then
    redis.call('PEXPIRE', P .. 'log:' .. operation, KEEP_OPERATION)
  end
end
