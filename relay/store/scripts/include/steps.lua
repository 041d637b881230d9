-- A step: what one event, or one letter, changes. Records last: with them it is remembered, and what went wrong before that
-- is made again as if for the first time. What is counted is written once for the whole batch.
--- @include "ids"
--- @include "tallies"
local function begin_counting() counts = {} end

local function begin_step() lines = {} end

local function end_step()
  for operation, noted in pairs(lines) do
    local o = operation_record(operation)
    local texts = noted.counts and counted(o, noted) or listed(o, noted)
    local new = texts[1] and write_lines(operation, unpack(texts)) == #texts
    if new or o.renewed then redis.call('PEXPIRE', P .. 'log:' .. operation, KEEP_OPERATION) end
  end
  for it in pairs(unwritten) do
    if it.more then redis.call('SADD', ids_key(it), unpack(it.more)) end
    it.more = nil
    it:write()
    if it.renewed and it:get('many') then redis.call('PEXPIRE', ids_key(it), KEEP_OPERATION) end
    it.renewed = nil
  end
end

local function write_counts()
  for field, by in pairs(counts) do
    if by ~= 0 then redis.call('HINCRBY', LEDGER, field, by) end
  end
end
