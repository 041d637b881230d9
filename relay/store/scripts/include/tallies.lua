-- Progress that nobody hears of, and what comes late of it, is counted: of all that is the same but for its time and its
-- percentage the log has one line. This is open in the operation's record, which an event writes anyway, until an event is
-- listed again. relay/store/notes.py reads it, there and in the log.
--- @include "ledger"
--- @include "records"
local count_event, listed, counted
do -- the rest is of this file alone

local MOST = 4 -- of them are open at once, of progress that takes turns: in the wrong order, or from two senders
local HEAD = 6 -- values before what is the same: the first time, what, how many, ms to the last, lowest and highest percentage
local LIMIT = 1000 -- destinations in a line
local LATE, HELD = 'late progress', 'held progress'

-- What was noted of this operation by the event at hand is counted, if nobody hears of it.
function count_event(operation) lines[operation].counts = true end

-- What a line counts, its percentage, and what is the same of all that it counts; nil if it is more than that.
local function alike(noted)
  local _, what, _, status, percentage, sender, unheard = unpack(noted[1], 1, LINE)
  if what == 'late' then return LATE, tonumber(noted[1][4]), '' end
  local same, n = {status, sender}, 2
  if unheard then same, n = {status, sender, '', unheard}, 5 end
  if #noted > LIMIT then return nil end
  for i = 2, #noted do
    local held = noted[i]
    if held[2] ~= 'held' then return nil end
    same[n + 1], same[n + 2], same[n + 3], n = held[3], held[4], held[5], n + 3
  end
  return HELD, tonumber(percentage), packed_line(same, n)
end

local function open_lines(o)
  local open = o:get('tallies')
  return open and {cmsgpack.unpack(open)} or {}
end

-- These lines as the log has them, and before them those that were open. Who has not read these leaves them so: the
-- timeline goes by the first time.
function listed(o, noted)
  local texts = o.known.tallies and open_lines(o) or {}
  if texts[1] then o:set('tallies', nil) end
  for _, line in ipairs(noted) do texts[#texts + 1] = packed_line(line, LINE) end
  return texts
end

-- Counts it, and answers the lines that are no longer open; nil if it is to be listed.
function counted(o, noted)
  local what, percentage, same = alike(noted)
  if not what then return nil end
  local open, closed = open_lines(o), {}
  local place, first, number, lowest, highest = nil, now, 0, percentage, percentage
  for i, text in ipairs(open) do
    local rest, at, kind, times, _, low, high = cmsgpack.unpack_limit(text, HEAD)
    if kind == CODES[what] and (rest < 0 and '' or text:sub(rest + 1)) == same then
      place, first, number = i, at, times
      lowest, highest = low and math.min(low, percentage or low) or percentage,
                        high and math.max(high, percentage or high) or percentage
    end
  end
  if not place and #open == MOST then open, closed = {}, open end
  open[place or #open + 1] = cmsgpack.pack(first, CODES[what], number + 1, math.max(0, now - first), lowest, highest) .. same
  o:set('tallies', cmsgpack.pack(unpack(open)))
  return closed
end

end
