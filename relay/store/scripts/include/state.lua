-- What delivering sees of a channel and of a destination's address: the last success, and since when and why it fails.
--- @include "keys"
local record_success, record_failure
do -- the rest is of this file alone

local STATE_KEPT = 60 * DAY -- operations may ask for any number of addresses
local recorded = {} -- scope → 'works' or 'fails', as this step has written it

-- Of what works the expiry is not renewed, which saves a command for each message: once in 60 days it counts as never
-- tried, until the next success.
local function record_state(scope, state, ...)
  recorded[scope] = state
  local added = redis.call('HSET', P .. 'state:' .. scope, ...)
  if state == 'fails' or added > 0 then redis.call('PEXPIRE', P .. 'state:' .. scope, STATE_KEPT) end
end

function record_success(scopes)
  for _, scope in ipairs(scopes) do
    if recorded[scope] ~= 'works' then record_state(scope, 'works', 'works', now, 'since', '', 'refused', '') end
  end
end

-- refused: a token, a login or an address of relay's own was refused, and no time mends that.
-- lane: of the delivery that failed, for those of a lane are no two messages.
function record_failure(scopes, lane, cause, refused)
  for _, scope in ipairs(scopes) do
    if recorded[scope] ~= 'fails' then
      local since = redis.call('HGET', P .. 'state:' .. scope, 'since')
      record_state(scope, 'fails', 'since', since and since ~= '' and since or now, 'failed', now, 'by', lane, 'cause', cause,
                   'refused', refused and '1' or '')
    end
  end
end

end
