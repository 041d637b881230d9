-- What operations ask for themselves (dynamic_destinations): so many messages to a reader in each stretch of time. It begins
-- with the first of them; what is above that is told together at its end.
--- @include "bundles"
--- @include "records"
--- @include "suppressions"
local over_request_limit, spend_request, readdress
do -- the rest is of this file alone

-- Of failures of Critical priority a quarter as many again are told at once. Not all: a sender may call anything so.
local GRAVE = 1 / 4

local function request_key(limit) return P .. 'requested:' .. redis.sha1hex(limit[1]) end

-- When the stretch began that goes on; nil where none does. One of before the clock was set back is none.
local function begun_at(key, limit)
  local from = tonumber(redis.call('HGET', key, 'from') or '')
  return from and from <= now and now < from + limit[3] and from or nil
end

local function is_new_message(d)
  return d.calls.requested and not d.edit and not BOXED[d.kind] and d.kind ~= 'rolling'
end

local function is_grave(o, d) return d.name == 'operation.failed' and o:get('fact:priority') == 'Critical' end

-- True if it is told later, with the others. What may have arrived already stays as it was, and so does what was counted:
-- its worker may have died.
function over_request_limit(id, d)
  if not is_new_message(d) or d.attempts > 0 or tonumber(d.unknowns) > 0 then return false end
  local limit, o = d.calls.requested, operation_record(d.operation)
  local key = request_key(limit)
  local from = begun_at(key, limit)
  if not from or not has_entry(o) or redis.call('HEXISTS', key, id) == 1 then return false end
  local most = is_grave(o, d) and limit[2] + math.ceil(limit[2] * GRAVE) or limit[2]
  if redis.call('HLEN', key) - 1 < most then return false end
  local to = from + limit[3]
  local box = box_id(d.lane, 'requested', d.destination, limit[1], from, to)
  if sealed(box) then return false end
  open_box(box, 'requested', d, from, to)
  add_entry(box, d.operation)
  redis.call('HSET', box_key(box), 'to:' .. d.address, 1)
  keep_box(box, to)
  move_to_bundle(id, d, 'requested')
  return true
end

-- A reader is asked for by several addresses: that one of them is not written to any more keeps nothing from the others. True
-- if there is one.
function readdress(id, d)
  for _, name in ipairs(redis.call('HKEYS', box_key(id))) do
    local address = name:match('^to:(.*)$')
    if address and not suppressed(d.destination, address, false) then
      redis.call('HSET', delivery_key(id), 'address', address)
      d.address = address
      return true
    end
  end
  return false
end

function spend_request(id, d)
  if not is_new_message(d) then return end
  local limit = d.calls.requested
  local key = request_key(limit)
  if not begun_at(key, limit) then
    redis.call('DEL', key)
    redis.call('HSET', key, 'from', now)
    redis.call('PEXPIRE', key, math.ceil(limit[3]))
  end
  redis.call('HSET', key, id, 1)
end

end
