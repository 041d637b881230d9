"""Every key in Redis. All carry one hash tag, so that a Cluster has them in one slot, and a script is one step there.

Ids from outside never become part of a key: they are hashed first (relay/engine/names.py).

What the journal keeps of the partition's state, named as relay/store/journal/writes.py does it; what stands
there say the records of relay/engine:

    {relay}:<prefix><name>         string  a record (JSON with named fields): `op:`, `d:` …
    {relay}:<table>                hash    name → text: `docs:`, `rows:` …
    {relay}:<index>                zset    member → score
    {relay}:<log>                  list    lines; `story:`, `job:`
    {relay}:history:<destination>  stream  how deliveries to it ended (r); cut by relay/store/forgetting.py
    {relay}:operations             stream  the operations in the order of their first events (r)
    {relay}:ledger                 hash    counters; accepted = pending + held:* + delivered + superseded + digested
                                           + dead + dropped, at all times

What it keeps of itself:

    {relay}:term                   string  the number of the newest term of an owner; never expires
    {relay}:owner                  string  who owns the partition; gone 5 s after the last renewal
    {relay}:handed                 string  the last term that was given up in good order
    {relay}:pulses                 zset    process → ms of its last sign of life; '' → the first one after an outage
    {relay}:mark                   string  the last commit: what the next one must stand on
    {relay}:inbox                  stream  entries for the owner (id, entry)
    {relay}:answer:<act>           string  what became of an act of people (record); for a minute
    {relay}:set-aside              hash    entries that were set aside, as they were appended; `quarantine` and `faults`
                                           have a row of each

Plain values beside it, which nothing is decided by (relay/store/plain.py):

    {relay}:quarantine             hash    id → source, reason, time and size of a body that made no sense
    {relay}:faults                 hash    the same of what relay itself failed on
    {relay}:quarantined:<id>       string  headers and body
    {relay}:audit                  stream  who did what (audit.py); of: the row that this one ends; 20,000 rows, 90 days
    {relay}:console:session:<hash> string  of the id of a login: there until it ends (sessions.py)
    {relay}:console:link:<hash>    string  of the id of a login link: there until it is used; for ten minutes
    {relay}:found:<digest>         string  the results that a finished run was completed with; {} in vain
    {relay}:ping:<digest>          string  the last run of a job that does not name its runs: when it began, its status
                                           and when that came; for 35 days
    {relay}:last-body:<digest>:<slot>      string  one of the last twenty of a source (bodies.py); for a week

And:

    {relay}:testing:<digest>       string  of a destination: there until it gets the next test message
    {relay}:bodies:<digest>        string  how many bodies of a source were kept
    {relay}:sealed                 hash    marks data that an earlier release encrypted, which is refused (layout.py)
    {relay}:waiting                hash    entries that an earlier release kept back, which are refused as well
    {relay}:schema                 string  the version of this layout
    {relay}:probe                  string  written once a second, to see whether Redis takes writes
"""

from relay.engine import records

PREFIX = "{relay}:"
ENCRYPTED, KEPT_BACK, SCHEMA, PROBE = "sealed", "waiting", "schema", "probe"
SCHEMA_VERSION = "3"
# Tables of the journal and of the quarantine; in the latter, ENTRY begins the id of an entry of the inbox.
REFUSED, FAULTS, SET_ASIDE, ENTRY = "quarantine", "faults", "set-aside", "q-in-"
# Types of the keys that events have in common; `due:…` of each channel are sorted sets, too.
SHARED = {
    "string": ("term", "owner", "handed", "mark"),
    "hash": ("ledger", SET_ASIDE, FAULTS, REFUSED, records.MISSING, records.JOB_NAMES),
    "stream": ("inbox", "operations"),
    "zset": (
        *("pulses", records.DEAD, records.WATCH, records.STALLED, records.OVER, records.FLYING, records.BROKEN),
        *(records.PARKING, records.CHANNELS, records.JOBS, records.SILENCES, records.HISTORIES, records.SUPPRESSED),
        records.PAUSED,
    ),
}
