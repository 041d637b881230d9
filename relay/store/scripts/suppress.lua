-- suppress: put an address on the list of those that are not written to, or take it off.
-- KEYS[1] the ledger. ARGV from 3: add, destination or *, address, reason, detail; or remove, destination or *,
-- address, and the reason that it must have ('' for any). Answers 1 if the list changed; a second call finds it done.
--- @include "suppressions"
local verb, destination, address, reason = ARGV[3], ARGV[4], ARGV[5], ARGV[6]
if verb == 'add' then return suppress(destination, address, reason, ARGV[7]) end
local name = suppression(destination, address)
local entry = redis.call('HGET', SUPPRESSED, name)
if not entry or reason ~= '' and cjson.decode(entry).reason ~= reason then return 0 end
redis.call('DEL', bounces_key(address))
return redis.call('HDEL', SUPPRESSED, name)
