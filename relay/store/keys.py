"""Keys in Redis that the journal does not decide on, and the digests they are named by.

All keys begin with `{relay}:`, one hash tag, so every script is one step on one node. Ids from outside never become
part of a key: they are hashed first. What decisions read and write is declared in relay/engine/records.py, each record,
table, index and log under its own name there, and counted in `ledger`: accepted = pending + held:* + delivered
+ superseded + digested + dead + dropped, at all times. The journal's own keys (relay/store/journal):

    {relay}:owner                  string  process that owns the partition, and the number of its last renewal
    {relay}:term                   string  number of the newest term; never expires
    {relay}:handed                 string  the last term that was given up in good order
    {relay}:mark                   string  of the last commit: term, number, nonce, time
    {relay}:pulses                 zset    process → ms of its last sign of life; '': the first one after an outage
    {relay}:inbox                  stream  entries of processes that do not own the partition
    {relay}:answer:act:<id>        string  the answer to an act of people that came by the inbox; for a minute
    {relay}:waiting, :suspects     hash    entries that cannot be read yet; entries that a process may have died of

Plain Redis:

    {relay}:quarantine             zset    id → ms; the bodies that were signed but made no sense
    {relay}:quarantined:<id>       hash    source, reason, headers, body, fault (1: relay itself failed on it)
    {relay}:faults                 set     ids of those in the quarantine that relay itself failed on
    {relay}:audit                  stream  who did what (relay/store/audit.py): actor, action, subject, address, detail
                                           (JSON) and outcome, or all of these sealed; via, over: it has an outcome, and
                                           of: the row that this one ends; 20,000 rows, 90 days
    {relay}:audit:strangers        stream  the same, of what people outside may bring about: unsubscribing, and presses
                                           that are refused
    {relay}:copy:<name>            string  a message as it was sent (relay/store/copies.py), of its delivery, or of its
                                           lane where it is kept true; three days
    {relay}:copies                 zset    the names of these → ms at which it was settled; 10,000
    {relay}:copied                 hash    the same → bytes, and of all of them under ''; 64 MB
    {relay}:audit:sealing          stream  rows of one of them while `relay keys seal` writes it anew; also
                                           {relay}:audit:strangers:sealing
    {relay}:audited                string  the id of the last row that is in the log
    {relay}:key                    string  32 bytes: what the links in mails and the buttons are sealed with
    {relay}:key:retired            hash    the keys before it → ms at which each was replaced, and until which what it
                                           sealed still opens
    {relay}:console:session:<hash> string  of an id that a browser has: who is logged in (JSON, relay/store/sessions.py)
    {relay}:console:link:<hash>    string  of a link for one login: its identity (JSON); for ten minutes
    {relay}:console:testing:<digest>       string  of a destination: ms from which it gets the next test message
    {relay}:ping:<digest>          string  the last run of a job that does not name its runs: when it began, its status
                                           and when that came (JSON); for 35 days
    {relay}:bodies:<digest>        string  how many bodies of a source were kept for authors of its format
                                           (relay/store/last_bodies.py)
    {relay}:body:<digest>:<slot>   string  one of its last twenty: its number, when it came, some of its headers and
                                           the body, packed; for a week
    {relay}:found:<digest>         string  the results (JSON) that a finished run was completed with; {} in vain
    {relay}:probe                  string  written once a second, to see whether Redis takes writes
    {relay}:sealed                 hash    id of a key that values are sealed with (relay/store/sealing.py) → when it
                                           was known to seal last (seconds)
    {relay}:schema                 string  the version of this layout
"""

from hashlib import blake2b

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
# Without the prefix:
LEDGER = "ledger"
PROBE = "probe"


def digest(*parts: str) -> bytes:
    """Return a digest of 16 bytes of these texts, in this order."""
    pieces = [len(text := part.encode("utf-8", "surrogatepass")).to_bytes(4, "big") + text for part in parts]
    return blake2b(b"".join(pieces), digest_size=16).digest()


def ping(source: str, job: str) -> str:
    return f"{PREFIX}ping:{digest('ping', source, job).hex()}"


def last_bodies(source: str, slot: int | None = None) -> str:
    """The key of one of a source's last bodies; without a slot that of their number."""
    name = digest("bodies", source).hex()
    return f"{PREFIX}bodies:{name}" if slot is None else f"{PREFIX}body:{name}:{slot}"
