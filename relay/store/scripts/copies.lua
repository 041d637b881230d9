#!lua flags=allow-oom
-- copies: the oldest of what was kept of messages as they were sent, for a Redis that fills up.
-- KEYS[1] the ledger. ARGV from 3: which part of them goes (0 to 1). Answers how many are left.
--- @include "copies"
return forget_copies(tonumber(ARGV[3]))
