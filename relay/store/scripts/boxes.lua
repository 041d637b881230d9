-- boxes: digests that are due without an event, and those that are sent before their time.
-- KEYS[1] the ledger. ARGV from 3: verb, arguments.
--- @include "bundles"
local verbs = {}

-- The window's digest is sent even if nothing comes in: a second call finds it there. Answers 1 if it was made.
function verbs.ensure(home, destination, channel, address, limits, zone, from, to)
  local box = box_id(home, 'digest', destination, address, tonumber(from), tonumber(to))
  local b = redis.call('HMGET', box_key(box), 'sealed', 'taken', 'empty')
  if b[1] or b[2] or b[3] then return 0 end
  local where = {destination = destination, channel = channel, address = address, limits = limits}
  open_box(box, 'digest', where, tonumber(from), tonumber(to))
  redis.call('HSET', box_key(box), 'empty', 'send', 'zone', zone)
  return 1
end

-- What the window at hand holds so far becomes a digest of its own, due now; the rest of the window is told at its end,
-- if anything comes. Answers its id, or '' if the window holds nothing.
function verbs.now(home, destination, address, from, to)
  local box = box_id(home, 'digest', destination, address, tonumber(from), tonumber(to))
  if sealed(box) or redis.call('EXISTS', entries_key(box)) == 0 then return '' end
  local b = redis.call('HMGET', box_key(box), 'channel', 'limits', 'zone', 'held', 'from')
  local own = box_id(home, 'digest', destination, address, tonumber(b[5]), now)
  redis.call('RENAME', entries_key(box), entries_key(own))
  redis.call('HSET', box_key(own), 'zone', b[3] or '', 'held', b[4] or 0)
  local where = {destination = destination, channel = b[1], address = address, limits = b[2]}
  open_box(own, 'digest', where, tonumber(b[5]), now)
  redis.call('HSET', box_key(box), 'taken', now, 'from', now)
  redis.call('HDEL', box_key(box), 'held', 'empty')
  return own
end

return verbs[ARGV[3]](unpack(ARGV, 4))
