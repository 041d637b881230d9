-- Sends the requests of a file, one after the other: wrk -s load.lua URL -- FILE START AGAIN
-- Each follows its length in eight digits. At the end it stops, or begins again if AGAIN is 1.
local file, again
place = 0 -- where the next one begins; global, for `done` to get
ended = 0
local threads = {}

function setup(thread) threads[#threads + 1] = thread end

function init(arguments)
  file = assert(io.open(arguments[1], 'rb'))
  file:setvbuf('full', 1048576)
  place = tonumber(arguments[2])
  file:seek('set', place)
  again = arguments[3] == '1'
end

function request()
  local length = file:read(8)
  if not length then
    if not again then
      ended = 1
      wrk.thread:stop() -- which it does soon
    end
    file:seek('set', 0)
    length, place = file:read(8), 0
  end
  place = place + 8 + tonumber(length)
  return file:read(tonumber(length))
end

function done(summary, latency)
  local errors = summary.errors
  print(string.format(
    '{"requests":%d,"seconds":%f,"p50":%f,"p99":%f,"refused":%d,"broken":%d,"place":%d,"ended":%d}',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.status, errors.connect + errors.read + errors.write + errors.timeout,
    threads[1]:get('place'), threads[1]:get('ended')))
end
