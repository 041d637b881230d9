-- Identity: what came before is known by the digests of facts and of the senders' ids.
--- @include "records"
local ids_key, seen, from_hex, remember
do -- the rest is of this file alone

-- What came before, in digests: those of facts and of the senders' ids. They live and die with the operation: the first
-- few in its record, 8 bytes each, those of a run of hundreds of events in a set beside it.
local DIGEST, FEW = 8, 32

function ids_key(o) return (o.key:gsub('operation:', 'ids:', 1)) end

function seen(o, digest)
  if digest == '' then return false end
  local ids, from = o:get('ids') or '', 1
  while true do
    local place = ids:find(digest, from, true)
    if not place then break end
    if place % DIGEST == 1 then return true end
    from = place + 1
  end
  return o:get('many') ~= false and redis.call('SISMEMBER', ids_key(o), digest) == 1
end

function from_hex(text)
  return (text:gsub('..', function(byte) return string.char(tonumber(byte, 16)) end))
end

-- One that is known already is ''.
function remember(o, ...)
  local ids = o:get('ids') or ''
  for _, digest in ipairs({...}) do
    if #ids < FEW * DIGEST then
      ids = ids .. digest
    elseif digest ~= '' then
      o.more = o.more or {} -- into the set with the record: an event that fails is not remembered
      table.insert(o.more, digest)
      unwritten[o] = true
      if not o:get('many') then o.renewed = true end
      o:set('many', 1)
    end
  end
  o:set('ids', ids)
end

end
