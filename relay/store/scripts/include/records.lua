-- Records: a hash that is read once and written once in a step, however many look at it. Nothing of a record is in Redis before `write`: an event that fails half-way has changed none.
--- @include "keys"
local records = {} -- by key
local unwritten = {} -- those of them that changed since they were written

local Record = {}
Record.__index = Record

local function record(key)
  local it = records[key]
  if not it then
    it = setmetatable({key = key, known = {}, changed = {}}, Record)
    records[key] = it
  end
  return it
end

local function operation_record(operation) return record(operation_key(operation)) end

-- Read these fields at once.
function Record:read(names)
  local known = self.known
  if next(known) ~= nil then -- an event before it in this step has read most of them
    local missing = {}
    for i = 1, #names do
      if known[names[i]] == nil then missing[#missing + 1] = names[i] end
    end
    if not missing[1] then return end
    names = missing
  end
  local values = redis.call('HMGET', self.key, unpack(names))
  for i = 1, #names do known[names[i]] = values[i] end
end

-- A text, or a number that was set in this step; false where it is absent.
function Record:get(name)
  local value = self.known[name]
  if value == nil then
    value = redis.call('HGET', self.key, name)
    self.known[name] = value
  end
  return value
end

function Record:number(name) return tonumber(self:get(name) or '') end

-- nil or false removes it.
function Record:set(name, value)
  value = value or false
  if self.known[name] == value then return end
  self.known[name] = value
  self.changed[name] = true
  unwritten[self] = true
end

function Record:set_once(name, value)
  if not self:get(name) then self:set(name, value) end
end

-- It lives on for as long as an operation does. Said once a day: within one, no event costs a command for it.
function Record:keep()
  local kept = self:number('kept')
  if kept and kept <= now and now - kept < DAY then return end
  self:set('kept', now)
  self.renewed = true
end

function Record:write()
  local known, set, drop, n = self.known, {}, {}, 0
  for name in pairs(self.changed) do
    local value = known[name]
    if value then
      set[n + 1], set[n + 2], n = name, value, n + 2
    else
      drop[#drop + 1] = name
    end
  end
  self.changed = {}
  unwritten[self] = nil
  if set[1] then redis.call('HSET', self.key, unpack(set)) end
  if drop[1] then redis.call('HDEL', self.key, unpack(drop)) end
  if self.renewed then redis.call('PEXPIRE', self.key, KEEP_OPERATION) end
end

local function forget_records() records, unwritten = {}, {} end
