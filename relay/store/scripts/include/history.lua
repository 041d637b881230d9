-- The record of what was sent: of each delivery that ends, one row (relay/store/history.py reads it). And of the operations,
-- as they came (relay/store/operations.py).
--- @include "ledger"
local record_end, record_begin
do -- the rest is of this file alone

local MOST = 100000 -- rows of a destination; of all together, and for how long: relay/store/forgetting.py
local BEGUN = 200000 -- operations, some 30 bytes each
local KEPT = 30 * DAY

local FIELDS = {'operation', 'destination', 'channel', 'address', 'kind', 'name', 'attempts', 'created', 'lane'}
local ROW = 11 -- values, in the order of relay/store/history.py

-- A name of 32 hex digits takes 16 bytes; what stands behind it stays as it is.
local NAME = '^(' .. ('%x'):rep(32) .. ')(.*)$'
local function squeezed(name)
  local hex, rest = (name or ''):match(NAME)
  if not hex then return '' end
  return hex:gsub('..', function(byte) return string.char(tonumber(byte, 16)) end) .. rest
end

-- Never an error, whatever stands there: what has arrived would be told again for the sake of its row. Where the clock was
-- set back, it has the time of the last one.
local renewed = {} -- in this step

local function append(key, most, row)
  local done = redis.pcall('XADD', key, 'MAXLEN', '~', most, string.format('%.0f-*', now), 'r', row)
  if type(done) == 'table' and done.err then
    local last = redis.pcall('XREVRANGE', key, '+', '-', 'COUNT', 1)
    local ms = last[1] and last[1][1]:match('^%d+')
    if ms then redis.pcall('XADD', key, 'MAXLEN', '~', most, ms .. '-*', 'r', row) end
  end
  if renewed[key] then return false end
  renewed[key] = true
  redis.pcall('PEXPIRE', key, KEPT)
  return true
end

-- An operation, or a batch, was heard of for the first time.
function record_begin(operation) append(P .. 'operations', BEGUN, squeezed(operation)) end

-- What became of it: delivered, dead, superseded, dropped or held; `why` is the reason, `detail` what the other side said.
-- `d` has the FIELDS, where whoever ends it has read them.
function record_end(id, outcome, why, detail, d)
  if not d then
    local values = redis.call('HMGET', delivery_key(id), unpack(FIELDS))
    d = {}
    for i, name in ipairs(FIELDS) do d[name] = values[i] end
  end
  if not d.operation then return end
  local live = d.kind == 'live' or d.kind == 'rolling'
  local row = {outcome, squeezed(d.operation), squeezed(id), d.channel, d.address, d.kind, d.name, tonumber(d.attempts),
               math.max(0, now - tonumber(d.created or now)), why or '', detail or ''}
  if live then row[ROW + 1] = squeezed(d.lane) end
  if append(P .. 'history:' .. d.destination, MOST, packed_line(row, live and ROW + 1 or ROW)) then
    redis.pcall('ZADD', P .. 'histories', now, d.destination)
    redis.pcall('PEXPIRE', P .. 'histories', KEPT)
  end
end

end
