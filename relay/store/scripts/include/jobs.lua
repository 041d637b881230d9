-- The last ends of each job (relay/store/jobs.py): a job lives where its name says, whatever operation it is that ends.
--- @include "letters"
--- @include "order"
local jobs = {}
do -- the rest is of this file alone

local KEPT, SLACK = 50, 14 -- ends of a job; it is cut now and then, not each time
local KEEP_JOB = 90 * DAY -- after its last end
local NAME = 32 -- characters, which its line in `jobs` begins with

local function ends_key(job) return P .. 'job:' .. job:sub(1, NAME) end

-- Those that did not end for long; beyond so many, the least recently ended.
function jobs.forget(most)
  for _ = 1, 100 do
    local oldest = redis.call('ZRANGE', P .. 'jobs', 0, 0, 'WITHSCORES')
    if not oldest[1] then return end
    if now - oldest[2] < KEEP_JOB and redis.call('ZCARD', P .. 'jobs') <= most then return end
    redis.call('ZREM', P .. 'jobs', oldest[1])
    redis.call('DEL', ends_key(oldest[1]))
  end
end

-- Another outcome of a run that is known stands behind the first: whoever reads them takes the last.
function jobs.record(job, text, most)
  local length = redis.call('RPUSH', ends_key(job), text)
  if length >= KEPT + SLACK then redis.call('LTRIM', ends_key(job), -KEPT, -1) end
  if redis.call('ZADD', P .. 'jobs', now, job) == 1 then jobs.forget(most) end
end

-- What the outcome says of the end, and what earlier events said of the start, unless they were of the run before.
function jobs.keep_end(o, plan, new_run)
  local job, text, most, partitions = unpack(plan['end'])
  if job == '' then job = o:get('job') end -- only earlier events stated what the template asks for
  if not job then return end
  local began = not new_run and (o:get('entry:started') or o:get('began')) or ''
  text = (type(began) == 'number' and string.format('%.0f', began) or began) .. ' ' .. text
  local home = plan.home and tonumber(job:sub(1, 2), 16) % partitions
  if home and home ~= tonumber(plan.home) then return post(string.format('%.0f', home), 'ended', {job, text, most}) end
  jobs.record(job, text, most)
end

end
