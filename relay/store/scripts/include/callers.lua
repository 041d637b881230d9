-- Who has told of a cause: claim.lua notes who is about to, and until it has, something else may take its place.
--- @include "keys"

-- Where failures of the cause that messages.lua (cause_of) put together are kept, and the error's signature.
local function cause_key(d)
  local signature = (d.cause or ''):match('^%S+ %S+ %S+ (%S+)$')
  if not signature then return nil end
  return P .. 'cause:' .. redis.sha1hex(table.concat({d.destination, d.address, signature}, '\0')), signature
end

-- Of the first of a cause, and of those who called people for it: no other needs to know.
local function confirm_told(id, d)
  local key = cause_key(d)
  for _, caller in ipairs(key and redis.call('HVALS', key) or {}) do
    if caller == id then return redis.call('HSET', key, 'sent:' .. id, 1) end
  end
end
