"""Every key in Redis, and the digests they are named by.

All keys of a partition carry one hash tag, so every script is one step on one node. The tag is `{relay}` where there
is one partition, and `{relay-0}`, `{relay-1}` … where there are several; what is of none of them stays under `{relay}`.
Ids from outside never become part of a key: they are hashed first.

A name says where it lives: its first two hex digits are its home, and the partition is this number modulo how many
there are. An operation's are those of its id, a job's those of what it is. A lane, a delivery and a bundle have those
of their address, so that all messages there, whatever they are of, are made in one place (relay/store/letters.py).

    {relay}:ledger                 hash    the counters; accepted = pending + held:* + delivered + superseded
                                           + digested + dead + dropped, at all times
    {relay}:operation:<op>         hash    what is known: three packed fields (relay/store/records.py): order and what
                                           the watchdog goes by (state), facts and what lasts of its newest state in a
                                           few words (facts), the rest of that (entry); the newest event of each name
                                           (doc:*), what outcomes said (says:*), gates (gate:<lane>), the digests of
                                           facts and senders' ids (ids, 8 bytes each; many in state: there are more in
                                           ids:<op>), the lanes of the live messages that showed the outcome (lanes),
                                           when one of them became a dead letter (buried), what buttons asked for
                                           (asked:<action>:<run>), where it is muted (mute:<lane>), when its last alarm
                                           was sent (alarm:<lane>), the lines of its
                                           log that are counted on (tallies), its job where a template names it (job),
                                           which deliveries about its failure are held until when (holds), and how
                                           often an event was dropped because it was known, and when last
                                           (again:<name> <source>)
    {relay}:spaces:<op>            set     the other platforms, tenants and projects that use this id (JSON); the first
                                           is marked apart
    {relay}:log:<op>               list    what happened to it, for people; the last 200 lines
    {relay}:delivery:<id>          hash    one delivery until it is delivered, superseded or dropped
    {relay}:lane:<lane>            list    delivery ids in order; only the head is due; the replies of one queue up in
                                           <lane>/replies, and those that may heal wait in <lane>/held
    {relay}:thread:<lane>          hash    a live message: waiting, flying, posted, sent; name and seq of what was
                                           claimed last, spec and interval for what is made without an event; doubt:
                                           its message may have arrived, and the delivery is gone; dead: the dead letter
                                           that its message became last; failed: which delivery had the first failure
                                           in a batch; edits: how often the message was edited;
                                           healed: the run that makes a failure good, how many
                                           in a row were held, and what had gone wrong; calls: the event
                                           whose mentions are in the message itself, and call its run and body where
                                           the operation lives elsewhere; t:* is the channel's own
    {relay}:cause:<sha1>           hash    failures of one cause at an address: the first that was sent (id, at, whose,
                                           gravity, lane), which delivery mentioned a name (called:<name>), and of
                                           these which have been sent (sent:<id>)
    {relay}:event:<digest>         hash    a body and how many deliveries still need it
    {relay}:due:<channel><queue>   zset    delivery id → ms since the epoch from which it may be claimed; the queues are
                                           :urgent, :stalled, :phases and the rest, claimed from in this order
    {relay}:parked:<ch> <scope>    zset    delivery id → ms of its creation, or of the removal of its address; what
                                           waits for this pause to end
    {relay}:urgent:<ch> <scope>    zset    those of them that are urgent
    {relay}:parking                zset    <ch> <scope> → ms at which to look whether it may go on; 0 is now
    {relay}:holds                  set     the scopes limit:<name> that are throttled for long
    {relay}:channels               set     the channels that had deliveries
    {relay}:leases                 zset    delivery id → ms at which the lease lapses; 0: its process is dead
    {relay}:pulses                 zset    worker → ms of the last sign that its process lives
    {relay}:dead                   zset    delivery id → ms at which it died
    {relay}:ids:<op>               set     the digests of ids and facts that its `ids` has no room for
    {relay}:rate:<limit>           string  GCRA: when the limit's next slot is free
    {relay}:pause:<scope>          hash    until, at (ms at which it was written), reason, since, probe, and how many
                                           probes have failed; scope is
                                           limit:, lane:, destination:, channel:, removed:, or operator:
                                           (with `by`, and `ends`: 0 for one without end)
    {relay}:state:<scope>          hash    of channel:<name> (channel:<name>@<host> of addresses with a credential of
                                           their own) or destination:<name>/<address>: works (ms of the last success),
                                           since and failed (ms of the first and last failure after it; since is ''
                                           where it works), by (the lane that failed last), cause (text, or that
                                           sealed), refused (1: a refusal of relay's credentials), deaf (ms at which it
                                           last failed to answer without a message); for 60 days
    {relay}:paused                 set     the destinations that people paused
    {relay}:claimed:<worker>:<ch>  string  the worker's last claim, to give it again if the answer was lost
    {relay}:quarantine             zset    id → ms; the bodies that were signed but made no sense
    {relay}:quarantined:<id>       hash    source, reason, headers, body, fault (1: relay itself failed on it)
    {relay}:faults                 set     ids of those in the quarantine that relay itself failed on
    {relay}:suppressed             hash    who is not written to: "<destination or *> <address in small letters>" → JSON
                                           of reason, at, address, detail
    {relay}:bounces:<sha1>         zset    of an address: the deliveries that its server refused → ms; for 14 days
    {relay}:silences               hash    id → what people silenced, until when and why (JSON, or
                                           that sealed; relay/domain/silences.py); in the first
                                           partition, as are the next three
    {relay}:silences:ends          zset    id → ms at which it ends, or ended; those of the last 30 days, at most 1,200
    {relay}:silences:version       string  the last change, by which processes see whether they are up to date
    {relay}:silences:lifting       hash    id of what was ended before its time → the end that was planned (ms), until
                                           every partition knows that
    {relay}:silenced:<id>          set     the deliveries that wait for the end of this silence
    {relay}:unsilenced:<id>        string  it was ended before its time
    {relay}:box:<id>               hash    a bundle: kind (digest, quiet, silence, overflow, backlog, cause, requested),
                                           from, to, passes, sealed, held, refreshed, to:* (addresses
                                           of one reader), was:* (the digests before); the id is its delivery's
    {relay}:entries:<id>           hash    operation → its newest state in a few words (domain/digest_entries.py)
    {relay}:digests:<sha1>         hash    of a destination's address: last (the newest digest's figures), and how many
                                           runs a day completed and failed (c:<day>, f:<day>)
    {relay}:roots:<ch>/<address>   zset    lane → ms; the new live messages that the cap counts
    {relay}:requested:<sha1>       hash    of a reader: what operations requested, and what was sent since `from` (ms)
    {relay}:overflow:<sha1>        string  of a destination's address: the bundle that takes what is above the cap
    {relay}:backlog:<sha1>         string  of a destination's address: the bundle for the oldest of what waits there
    {relay}:audit                  stream  who did what (relay/store/audit.py): actor, action, subject, address, detail
                                           (JSON) and outcome, or all of these sealed; via, over: it has an outcome, and
                                           of: the row that this one ends; 20,000 rows, 90 days
    {relay}:audit:strangers        stream  the same, of what people outside may bring about: unsubscribing, and presses
                                           that are refused
    {relay}:history:<destination>  stream  how deliveries to it ended (relay/store/history.py), packed in r; at most
                                           100,000 rows of each and 1,000,000 of all, 30 days
    {relay}:operations             stream  the operations and batches in the order of their first events (r, 16 bytes);
                                           200,000, 30 days
    {relay}:histories              zset    destination → ms of its newest row
    {relay}:copy:<name>            string  a message as it was sent (relay/store/copies.py), of its delivery, or of its
                                           lane where it is kept true; three days
    {relay}:copies                 zset    the names of these → ms at which it was settled; 10,000 of all partitions
    {relay}:copied                 hash    the same → bytes, and of all of them under ''; 64 MB of all partitions
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
    {relay}:bodies:<digest>        string  how many bodies of a source were kept for whoever writes its format
                                           (relay/store/last_bodies.py)
    {relay}:body:<digest>:<slot>   string  one of its last twenty: its number, when it came, some of its headers and
                                           the body, packed; for a week
    {relay}:watch                  zset    <op> of each run that goes on → ms at which the watchdog looks at it
    {relay}:stalled                set     <op> of each run that has an alarm
    {relay}:over                   zset    <op> of each run that is over → ms at which its documents go (trim.lua)
    {relay}:job:<job>              list    the last ends of a job's runs: when each began as far as earlier events said,
                                           and what the outcome said (JSON); the last of a run counts
    {relay}:jobs                   zset    <job> and what it is (JSON, or that sealed) → ms of its last end; at most
                                           10,000
    {relay}:missing                hash    <op> of each run that has not begun, that was announced → what relay goes
                                           by (JSON, relay/policy/missing.py)
    {relay}:ticks                  hash    last: ms of the last tick; grace: ms until which no alarm is given; asked: ms
                                           of the last reconciliation; reconciled: ms up to which new runs are known;
                                           latest: ms of the last pulse, by which a clock that is set back is noticed;
                                           back: ms at which relay was back from its last absence; failed:<tick>: when
                                           (seconds) and why, of a tick that failed last; left: how many runs left
                                           with an open alarm since the last tick; step, stepped: by how many ms the
                                           clock was set back last, and when by the new one; carried: ms at which
                                           letters were read (letters.lua); doing:receive, doing:deliver: when a
                                           process that does this last looked after relay itself; turn:<name>: when
                                           one process last had the turn (trouble.lua)
    {relay}:troubles               string  what is wrong with relay itself, and its notices (JSON,
                                           relay/policy/notices.py); in the first partition
    {relay}:found:<digest>         string  the results (JSON) that a finished run was completed with; {} in vain
    {relay}:destinations           hash    of the newest configuration: "<destination>\\0<address or *>" → 1;
                                           "<destination>\\0\\0<channel>" → where what waits for a former address
                                           goes; "<destination>\\0\\0" → 1 where it has, or had, several
    {relay}:removed                hash    what is not in it, but has deliveries: the same → ms at which one was held
                                           back
    {relay}:posted                 hash    partition → the number of the newest letter to it (relay/store/letters.py)
    {relay}:letters:<partition>    list    the letters to it that are not applied there yet
    {relay}:posting                set     the partitions for which there are letters
    {relay}:received               hash    partition → the number of the newest letter from it that was applied
    {relay}:unread                 list    letters that could not be applied
    {relay}:partitions             string  how many partitions there are
    {relay}:probe                  string  written once a second, to see whether Redis takes writes
    {relay}:epoch                  string  random, made with the first pulse: another one says that all was deleted
    {relay}:sealed                 hash    id of a key that values are sealed with (relay/store/sealing.py) → when it
                                           was known to seal last (seconds)
    {relay}:schema                 string  the version of this layout
    {relay}:never                          never there; each script names it, see relay/store/client.py
"""

from functools import lru_cache
from hashlib import blake2b, sha1

from relay.domain.deliveries import Window

PREFIX = "{relay}:"  # of one partition, and of what is of none
REMEMBERED = 2048  # names that a process makes once: all events of a run ask for the same; some 300 bytes each
HOME = 2  # hex digits of a name that say where it lives, so there are at most 256 partitions
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
PARTITIONS = PREFIX + "partitions"
# Without the prefix of their partition:
LEDGER = "ledger"
DEAD = "dead"
SUPPRESSED = "suppressed"
QUEUES = (":urgent", ":stalled", ":phases")
DESTINATIONS = "destinations"
REMOVED = "removed"
TICKS = "ticks"
HOLDS = "holds"
PARKING = "parking"
PAUSED = "paused"
CHANNELS = "channels"
PROBE = "probe"
HISTORIES = "histories"


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


@lru_cache(maxsize=REMEMBERED)  # there are few addresses, and each is in many events
def home(channel: str, address: str) -> str:
    """The home of what is sent to this address; of a channel whose addresses share limits, `address` is empty."""
    return digest("home", channel, address.encode("utf-8", "replace").lower().decode()).hex()[:HOME]


def at_home(home: str, name: str) -> str:
    """The name, with this home."""
    return home[:HOME] + name[HOME:]


def partition(name: str, partitions: int) -> int:
    """In which of so many partitions this name lives."""
    return int(name[:HOME], 16) % partitions


def prefix(number: int, partitions: int) -> str:
    """Return the prefix of this partition's keys."""
    return PREFIX if partitions == 1 else f"{{relay-{number}}}:"


@lru_cache(maxsize=REMEMBERED)
def operation(subject: str, space: str = "") -> str:
    """The name under which an operation's (or batch's) keys are found; `space` for all but the first with this id."""
    first = digest("operation", subject).hex()
    return at_home(first, digest("operation", subject, space).hex()) if space else first


@lru_cache(maxsize=REMEMBERED)
def lane(home: str, subject: str, destination: str, address: str, space: str = "") -> str:
    """The name of the queue of one operation at one address, which has this home."""
    return at_home(home, digest("lane", subject, destination, address, *filter(None, [space])).hex())


def bundle_id(home: str, kind: str, destination: str, address: str, window: Window) -> str:
    """The id of a bundle and of its delivery; the scripts make the same one."""
    name = _sha1(kind, destination, address, f"{window.start * 1000:.0f}", f"{window.end * 1000:.0f}")
    return at_home(home, name)


def digests(destination: str, address: str) -> str:
    """The key, without its prefix, of the figures of an address's sent digests."""
    return f"digests:{_sha1(destination, address)}"


def requested(channel: str, reader: str) -> str:
    """The key, without its prefix, of what operations requested for a reader, and of what was sent."""
    return f"requested:{_sha1(f'{channel} {reader}')}"


def _sha1(*parts: str) -> str:
    return sha1("\0".join(parts).encode("utf-8", "replace"), usedforsecurity=False).hexdigest()
