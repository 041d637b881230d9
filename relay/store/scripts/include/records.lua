-- Records: a hash that is read once and written once in a step, however many look at it. Nothing of a record is in Redis before `write`: an event that fails half-way has changed none.
--- @include "keys"
local records = {} -- by key
local unwritten = {} -- those of them that changed since they were written

-- What is short stands together in packed fields of an operation's record, value by value in this order, nil where it is
-- absent: one costs as little as all to read or write. By how often they change: with every event (state), a few times in
-- a run (run), hardly ever (facts). relay/store/records.py has the same order, which may grow at its end alone.
local PACKED = {
  state = {
    'rank', 'retry', 'at', 'seq', 'last', 'percentage', 'phases', 'status', 'watch:heard', 'watch:moved', 'watch:gaps',
    'watch:phase', 'seq:operation.progress',
  },
  run = {
    'first', 'began', 'kept', 'apart', 'many', 'watch:estimate', 'watch:estimated', 'watch:planned', 'watch:moves',
    'watch:deadline', 'watch:alarms', 'watch:asked', 'seq:operation.started', 'seq:operation.phase.completed',
    'seq:operation.stalled', 'seq:operation.recovered', 'seq:operation.completed', 'seq:operation.failed',
    'seq:operation.cancelled', 'seq:batch.started', 'seq:batch.operation.completed', 'seq:batch.completed', 'away',
    'followers', 'starts', 'ends', 'went_on',
  },
  facts = {
    'id', 'fact:platform', 'fact:tenant', 'fact:project', 'fact:original', 'fact:retry', 'fact:restarts', 'fact:type',
    'fact:name', 'fact:priority', 'fact:batch', 'fact:audience', 'fact:pressed', 'led', 'entry:name', 'entry:type',
    'entry:priority', 'entry:path', 'entry:batch', 'entry:total', 'entry:started', 'led_home', 'fact:more',
    'fact:failed_phase', 'fact:labels',
  },
}
local PLACE = {} -- of a packed value, in the field that it is in
for _, names in pairs(PACKED) do
  for place, name in ipairs(names) do PLACE[name] = place end
end
local FACTS = {} -- places of what events state that lasts
for place, name in ipairs(PACKED.facts) do
  if name:match('^fact:') then FACTS[#FACTS + 1] = place end
end

-- Places of what is looked at with every event: of the state. Those of the watchdog are in heartbeat.lua.
local RANK, RETRY, AT, SEQ, LAST, PERCENTAGE, PHASES, STATUS = PLACE.rank, PLACE.retry, PLACE.at, PLACE.seq, PLACE.last,
  PLACE.percentage, PLACE.phases, PLACE.status

local TERMINAL, RUNNING, INITIATED = 2, 1, 0 -- the ranks

local record, operation_record
do -- the rest, but for the last, is of this file alone

local FIELD = {} -- that a packed value is in
for field, names in pairs(PACKED) do
  for _, name in ipairs(names) do FIELD[name] = field end
end

local Record = {}
Record.__index = Record

function record(key)
  local it = records[key]
  if not it then
    it = setmetatable({key = key, known = {}, changed = {}, packed = {}}, Record)
    records[key] = it
  end
  return it
end

function operation_record(operation) return record(operation_key(operation)) end

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

-- All of them, as Redis answers it.
function Record:read_all()
  local flat, known = redis.call('HGETALL', self.key), self.known
  for i = 1, #flat, 2 do
    if known[flat[i]] == nil then known[flat[i]] = flat[i + 1] end
  end
  self.whole = true
  return flat
end

do -- its methods

local function field_of(it, name)
  local value = it.known[name]
  if value == nil then
    value = not it.whole and redis.call('HGET', it.key, name)
    it.known[name] = value
  end
  return value
end

-- A newer relay may have put more behind the values that are known here (n: up to there); they are kept.
local function placed(...) return {n = select('#', ...), ...} end

-- The values of a packed field, by place. Whoever changes them says so (`touch`).
function Record:values(field)
  local values = self.packed[field]
  if not values then
    values = placed(cmsgpack.unpack(field_of(self, field) or ''))
    self.packed[field] = values
  end
  return values
end

-- A packed field as it stands: a text, nil where it is empty.
function Record:packed_field(field)
  local values = self:values(field)
  local last = math.max(values.n, #PACKED[field])
  while last > 0 and not values[last] do last = last - 1 end
  return last > 0 and cmsgpack.pack(unpack(values, 1, last)) or nil
end

function Record:set_field(field, text)
  self.packed[field] = placed(cmsgpack.unpack(text or ''))
  self:touch(field)
end

function Record:touch(name)
  self.changed[name] = true
  unwritten[self] = true
end

-- What was set; false where it is absent.
function Record:get(name)
  local field = FIELD[name]
  if field then return self:values(field)[PLACE[name]] or false end
  return field_of(self, name)
end

function Record:number(name) return tonumber(self:get(name) or '') end

-- nil or false removes it.
function Record:set(name, value)
  value = value or false
  local field = FIELD[name]
  if field then
    local values, place = self:values(field), PLACE[name]
    if (values[place] or false) == value then return end
    values[place] = value or nil
    self:touch(field)
  elseif self.known[name] ~= value then
    self.known[name] = value
    self:touch(name)
  end
end

function Record:set_once(name, value)
  if not self:get(name) then self:set(name, value) end
end

-- It lives on for as long as an operation does. Said once a day: within one, no event costs a command for it.
function Record:keep()
  local kept = self:get('kept')
  if kept and kept <= now and now - kept < DAY then return end
  self:set('kept', now)
  self.renewed = true
end

function Record:write()
  local set, drop, n = {}, nil, 0
  for name in pairs(self.changed) do
    local value
    if PACKED[name] then
      value = self:packed_field(name) or false
      self.known[name] = value
    else
      value = self.known[name]
    end
    if value then
      set[n + 1], set[n + 2], n = name, value, n + 2
    else
      drop = drop or {}
      drop[#drop + 1] = name
    end
  end
  self.changed = {}
  unwritten[self] = nil
  if n > 0 then redis.call('HSET', self.key, unpack(set)) end
  if drop then redis.call('HDEL', self.key, unpack(drop)) end
  if self.renewed then redis.call('PEXPIRE', self.key, KEEP_OPERATION) end
end

end

end

local function forget_records() records, unwritten = {}, {} end
