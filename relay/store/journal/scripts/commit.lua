-- commit: all writes that follow from a batch, on the state that it was decided on; or none.
-- KEYS: term, mark, inbox, then what is written to. ARGV: term, the mark it stands on, the mark it sets, how many
-- entries of the inbox it used up, their ids, then commands: name, number of its key among those written to, how many
-- arguments, arguments. Answers {applied, done or refused, Redis's time in ms, the newest id in the inbox}.
-- `done`: it was applied before, and its answer got lost. Nothing is written before everything is checked.
local KINDS = {
  SET = 'string', DEL = '', PEXPIRE = '', EXPIRED = '', HSET = 'hash', HDEL = 'hash', COUNT = 'hash', ZADD = 'zset',
  ZREM = 'zset', RPUSH = 'list', LTRIM = 'list', XADD = 'stream',
}
local MOST_ARGUMENTS, MOST_COMMANDS, LONGEST = 1000, 16000, 32 * 1024 * 1024
local FIXED = 3

local function bad(why, key)
  return redis.error_reply('BADCOMMIT ' .. why .. ' ' .. (key or ''))
end

local function is_integer(text)
  return #text <= 16 and string.find(text, '^%-?%d+$') ~= nil
end

-- Fields, each with what it is after its addition; nil where that is no integer. Sums stay below 2^53.
local function sums(key, at, count)
  local names, found = {}, {}
  for name = at, at + count - 1, 2 do names[#names + 1] = ARGV[name] end
  for i, was in ipairs(redis.call('HMGET', key, unpack(names))) do
    local by = ARGV[at + 2 * i - 1]
    if not is_integer(by) or not is_integer(was or '0') then return nil end
    found[2 * i - 1], found[2 * i] = names[i], string.format('%.0f', (was or 0) + by)
  end
  return found
end

local checks = {
  COUNT = function(key, at, count)
    return count % 2 == 0 and sums(key, at, count)
  end,
  ZADD = function(_, at, count)
    for score = at, at + count - 1, 2 do
      if not is_integer(ARGV[score]) then return false end
    end
    return count % 2 == 0
  end,
}

local term, stands, sets, used = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local time = redis.call('TIME')
local newest = redis.call('XREVRANGE', KEYS[3], '+', '-', 'COUNT', 1)[1]
local function answer(outcome)
  return {outcome, time[1] * 1000 + math.floor(time[2] / 1000), newest and newest[1] or '0-0'}
end

local mark = redis.call('GET', KEYS[2]) or ''
if mark == sets then
  redis.call('SET', KEYS[2], sets)  -- a write again, so that WAIT covers it on this connection, too
  return answer('done')
end
if mark ~= stands or redis.call('GET', KEYS[1]) ~= term then return answer('refused') end

local commands, kinds, at, size = {}, {}, 5 + used, 0
while at <= #ARGV do
  local name, key, count = ARGV[at], KEYS[FIXED + tonumber(ARGV[at + 1])], tonumber(ARGV[at + 2])
  local kind = KINDS[name]
  if not kind or not key then return bad('no such command or key', name) end
  if count > MOST_ARGUMENTS or at + 2 + count > #ARGV then return bad('arguments', key) end
  if kind ~= '' then
    local was = kinds[key] or redis.call('TYPE', key).ok
    if was ~= 'none' and was ~= kind then return bad('type ' .. was .. ' ' .. kind, key) end
    kinds[key] = kind
  elseif name == 'DEL' then
    kinds[key] = 'none'
  end
  if checks[name] and not checks[name](key, at + 3, count) then return bad('number', key) end
  for i = at + 3, at + 2 + count do size = size + #ARGV[i] end
  commands[#commands + 1] = {name, key, at + 3, at + 2 + count}
  at = at + 3 + count
end
if #commands > MOST_COMMANDS or size > LONGEST then return bad('size', '') end

for _, command in ipairs(commands) do
  local name, key = command[1], command[2]
  if name == 'EXPIRED' then  -- what has less than this left is over for decisions, and does not come back
    local left = redis.call('PTTL', key)
    if left >= 0 and left <= tonumber(ARGV[command[3]]) then redis.call('DEL', key) end
  elseif name == 'COUNT' then
    redis.call('HSET', key, unpack(sums(key, command[3], command[4] - command[3] + 1)))
  else
    redis.call(name, key, unpack(ARGV, command[3], command[4]))
  end
end
for first = 5, 4 + used, MOST_ARGUMENTS do
  redis.call('XDEL', KEYS[3], unpack(ARGV, first, math.min(first + MOST_ARGUMENTS - 1, 4 + used)))
end
redis.call('SET', KEYS[2], sets)
return answer('applied')
