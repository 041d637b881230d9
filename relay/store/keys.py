"""Every key in Redis. All carry one hash tag, so that a Cluster has them in one slot, and a script is one step there.

Ids from outside never become part of a key: they are hashed first (relay/engine/names.py).

What the journal keeps of the partition's state, named and sealed as relay/store/journal/writes.py does it; what stands
there say the records of relay/engine:

    {relay}:<prefix><name>         string  a record (JSON with named fields), sealed for its key: `op:`, `d:` …
    {relay}:<table>                hash    name → text, each sealed for both names: `docs:`, `rows:` …
    {relay}:<index>                zset    member → score; clear
    {relay}:<log>                  list    lines, each sealed; `story:`, `job:`
    {relay}:history:<destination>  stream  how deliveries to it ended (r, sealed); cut by relay/store/forgetting.py
    {relay}:operations             stream  the operations in the order of their first events (r, sealed)
    {relay}:ledger                 hash    counters; accepted = pending + held:* + delivered + superseded + digested
                                           + dead + dropped, at all times

What it keeps of itself:

    {relay}:term                   string  the number of the newest term of an owner; never expires
    {relay}:owner                  string  who owns the partition; gone 5 s after the last renewal
    {relay}:handed                 string  the last term that was given up in good order
    {relay}:pulses                 zset    process → ms of its last sign of life; '' → the first one after an outage
    {relay}:mark                   string  the last commit: what the next one must stand on
    {relay}:inbox                  stream  entries for the owner (id, entry; the entry is sealed for its id)
    {relay}:answer:<act>           string  what became of an act of people (sealed record); for a minute
    {relay}:waiting                hash    entries that need what cannot be read, to be tried again
    {relay}:suspects               hash    entries that may have been under way when an owner died
    {relay}:aside                  list    entries that were set aside; 1,000, 30 days

Plain values beside it, which nothing is decided by:

    {relay}:quarantine             zset    id → ms; the bodies that were signed but made no sense
    {relay}:quarantined:<id>       hash    source, fault (1: relay itself failed on it); reason, headers, body: sealed
    {relay}:faults                 set     ids of those that relay itself failed on
    {relay}:audit                  stream  who did what (audit.py), sealed; via, over: it has an outcome, and
                                           of: the row that this one ends; 20,000 rows, 90 days
    {relay}:audit:strangers        stream  the same, of what people outside may bring about
    {relay}:audited                string  the id of the last row that is in the log
    {relay}:key                    string  32 bytes, sealed: what the links in mails and the buttons are sealed with
    {relay}:key:retired            hash    the keys before it, sealed → ms at which each was replaced, and until which
                                           what it sealed still opens
    {relay}:console:session:<hash> string  of an id that a browser has: who is logged in (sessions.py), sealed
    {relay}:console:link:<hash>    string  of a link for one login: its identity, sealed; for ten minutes
    {relay}:console:testing:<digest>       string  of a destination: there until it gets the next test message
    {relay}:copy:<name>            string  a message as it was sent (relay/store/copies.py), sealed; three days
    {relay}:copies                 zset    the names of these → ms at which it was settled; 10,000
    {relay}:copied                 hash    the same → bytes; 64 MB of all
    {relay}:found:<digest>         string  the results that a finished run was completed with, sealed; {} in vain
    {relay}:ping:<digest>          string  the last run of a job that does not name its runs: when it began, its status
                                           and when that came (JSON); for 35 days
    {relay}:bodies:<digest>        string  how many bodies of a source were kept (relay/store/last_bodies.py)
    {relay}:last-body:<digest>:<slot>      string  one of its last twenty, sealed; for a week
    {relay}:sealing:<stream>       stream  its rows, while `relay keys seal` writes it anew
    {relay}:sealed                 hash    id of a key that values are sealed with (relay/store/sealing.py) → when it
                                           was known to seal last (seconds)
    {relay}:schema                 string  the version of this layout
    {relay}:probe                  string  written once a second, to see whether Redis takes writes
"""

from relay.engine.names import digest

PREFIX = "{relay}:"
QUARANTINE = PREFIX + "quarantine"
FAULTS = PREFIX + "faults"
KEY = PREFIX + "key"
KEYS_RETIRED = PREFIX + "key:retired"
AUDIT = PREFIX + "audit"
AUDIT_STRANGERS = PREFIX + "audit:strangers"
AUDIT_LOGGED = PREFIX + "audited"
SEALED = PREFIX + "sealed"
CONSOLE = PREFIX + "console:"
SCHEMA = PREFIX + "schema"
SCHEMA_VERSION = "3"
PROBE = PREFIX + "probe"
# First words of the keys of strings, hashes and lists that are never sealed, or not as the journal's are.
CLEAR = frozenset(
    {"term", "owner", "handed", "mark", "ledger", "audited", "key", "copied", "ping", "bodies", "sealed", "schema"}
    | {"probe", "sealing"}
)


def ping(source: str, job: str) -> str:
    return f"{PREFIX}ping:{digest('ping', source, job).hex()}"


def last_bodies(source: str, slot: int | None = None) -> str:
    """The key of one of a source's last bodies; without a slot that of their number."""
    name = digest("bodies", source).hex()
    return f"{PREFIX}bodies:{name}" if slot is None else f"{PREFIX}last-body:{name}:{slot}"
