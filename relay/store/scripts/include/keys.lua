-- Names and the time. Time is Redis's own: workers' clocks never decide (ARGV[2] sets it in tests). All keys begin with
-- ARGV[1], which carries one hash tag, so a script is one step on one node. relay/store/keys.py lists every key and its type.
local P = ARGV[1]
local now = tonumber(ARGV[2])
if now == 0 then
  local t = redis.call('TIME')
  now = t[1] * 1000 + math.floor(t[2] / 1000)
end

local DAY = 86400000
local KEEP_OPERATION = 30 * DAY -- after its last event
local KEEP_DOCUMENTS = 3 * DAY -- after the outcome; then order and facts are left (trim.lua)

local LEASES, DEAD = P .. 'leases', P .. 'dead'
local CHANNELS = P .. 'channels'

local function delivery_key(id) return P .. 'delivery:' .. id end
local function lane_key(lane) return P .. 'lane:' .. lane end
-- The replies of a lane queue up beside it: an outcome that calls people waits for the message that it stands under,
-- and never for an edit of that. They share the lane's thread.
-- What is told only after a while waits in a third, `/held`, where it is in nobody's way (holds.lua).
local function replies_of(lane) return lane .. '/replies' end
local function is_replies(lane) return lane:find('/', 1, true) ~= nil end
local function thread_key(lane) return P .. 'thread:' .. lane:match('^[^/]*') end
local function operation_key(operation) return P .. 'operation:' .. operation end

local function field(id, name) return redis.call('HGET', delivery_key(id), name) end
