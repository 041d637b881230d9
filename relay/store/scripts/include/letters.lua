-- Letters: what an event means in another partition. Each is written in the step that makes it so, and is applied there
-- in order and once (letters.lua, relay/store/letters.py). With one partition there are none.
--- @include "ledger"
local POSTING, letters_key, posted_to, post
do -- the rest is of this file alone

POSTING = P .. 'posting'

function letters_key(to) return P .. 'letters:' .. to end

-- Numbers grow, also where Redis lost the newest letters or the clock was set back: what was applied is told by them.
local function next_number(to)
  local number = math.max(tonumber(redis.call('HGET', P .. 'posted', to) or '0') + 1, now * 1000)
  redis.call('HSET', P .. 'posted', to, string.format('%.0f', number))
  return string.format('%.0f', number)
end

local posted = {} -- in this step: partition and number, one by one

function posted_to()
  local homes = table.concat(posted, ' ')
  posted = {}
  return homes
end

-- `telling`: somebody is to hear of it. Until it is applied, it is pending.
function post(to, verb, content, body, telling)
  if telling then
    count('accepted')
    count('pending')
  end
  local number = next_number(to)
  local letter = number .. (telling and ' 1 ' or ' 0 ') .. cmsgpack.pack(verb, content, body or '')
  redis.call('RPUSH', letters_key(to), letter)
  redis.call('SADD', POSTING, to)
  posted[#posted + 1] = to
  posted[#posted + 1] = number
end

end
