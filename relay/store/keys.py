"""Every key in Redis, and the digests they are named by.

All keys carry one hash tag, so every script is one step on one node. Ids from outside never become part of a key:
they are hashed first.

    {relay}:ledger                 hash    the counters; accepted = pending + held:* + delivered + superseded
                                           + digested + dead + dropped, at all times
    {relay}:operation:<op>         hash    what is known: three packed fields (relay/store/records.py): order and what
                                           the watchdog goes by (state), facts and what lasts of its newest state in a
                                           few words (facts), the rest of that (entry); the newest event of each name
                                           (doc:*), what outcomes said (says:*), gates (gate:<lane>), the digests of
                                           facts and senders' ids (ids, 8 bytes each; many in state: there are more in
                                           ids:<op>), the lanes of the live messages that showed the outcome (lanes),
                                           when one of them became a dead letter (buried), what buttons asked for
                                           (asked:<action>:<run>) and where it is muted (mute:<lane>)
    {relay}:spaces:<op>            set     the other platforms, tenants and projects that use this id (JSON); the first
                                           is marked apart
    {relay}:log:<op>               list    what happened to it, for people; the last 200 lines
    {relay}:delivery:<id>          hash    one delivery until it is delivered, superseded or dropped
    {relay}:lane:<lane>            list    delivery ids in order; only the head is due; the replies of one queue up in
                                           <lane>/replies
    {relay}:thread:<lane>          hash    a live message: waiting, flying, posted, sent; name and seq of what was
                                           claimed last, spec and interval for what is made without an event; t:* is the
                                           channel's own
    {relay}:event:<digest>         hash    a body and how many deliveries still need it
    {relay}:due:<channel><queue>   zset    delivery id → ms since the epoch from which it may be claimed; the queues are
                                           :urgent, :stalled, :phases and the rest, claimed from in this order
    {relay}:parked:<ch> <scope>    zset    delivery id → ms of its creation, or of the removal of whom it is for; what
                                           waits for this pause to end
    {relay}:parking                zset    <ch> <scope> → ms at which to look whether it may go on; 0 is now
    {relay}:holds                  set     the scopes limit:<name> that are throttled for long
    {relay}:channels               set     the channels that had deliveries
    {relay}:leases                 zset    delivery id → ms at which the lease lapses; 0: its process is dead
    {relay}:pulses                 zset    worker → ms of the last sign that its process lives
    {relay}:dead                   zset    delivery id → ms at which it died
    {relay}:ids:<op>               set     the digests of ids and facts that its `ids` has no room for
    {relay}:rate:<limit>           string  GCRA: when the limit's next slot is free
    {relay}:pause:<scope>          hash    until, at (ms at which it was written), reason, since, probe; scope is
                                           limit:, lane:, destination:, channel: or removed:
    {relay}:claimed:<worker>:<ch>  string  the worker's last claim, to give it again if the answer was lost
    {relay}:quarantine             zset    id → ms; the bodies that were signed but made no sense
    {relay}:quarantined:<id>       hash    source, reason, headers, body, fault (1: relay itself failed on it)
    {relay}:faults                 set     ids of those in the quarantine that relay itself failed on
    {relay}:suppressed             hash    who is not written to: "<destination or *> <address in small letters>" → JSON
                                           of reason, at, address, detail
    {relay}:bounces:<sha1>         zset    of an address: the deliveries that its server refused → ms; for 14 days
    {relay}:box:<id>               hash    a bundle: kind (digest, quiet, overflow), from, to,
                                           sealed, held, was:* (the digests before); the id is its delivery's
    {relay}:entries:<id>           hash    operation → its newest state in a few words (JSON, relay/domain/summaries.py)
    {relay}:digests:<sha1>         hash    of a destination's address: last (the newest digest's figures), and how many
                                           runs a day completed and failed (c:<day>, f:<day>)
    {relay}:roots:<ch>/<address>   zset    lane → ms; the new live messages that the cap counts
    {relay}:overflow:<sha1>        string  of a destination's address: the bundle that takes what is above the cap
    {relay}:key                    string  32 bytes: what the links in mails are signed with
    {relay}:watch                  zset    <op> of each run that goes on → ms at which the watchdog looks at it
    {relay}:stalled                set     <op> of each run that has an alarm
    {relay}:over                   zset    <op> of each run that is over → ms at which its documents go (trim.lua)
    {relay}:ticks                  hash    last: ms of the last tick; grace: ms until which no alarm is given; asked: ms
                                           of the last reconciliation; reconciled: ms up to which new runs are known;
                                           latest: ms of the last pulse, by which a clock that is set back is noticed;
                                           back: ms at which relay was back from its last absence; failed:<tick>: when
                                           (seconds) and why, of a tick that failed last
    {relay}:found:<digest>         string  the results (JSON) that a finished run was completed with; {} in vain
    {relay}:destinations           hash    of the newest configuration: "<destination>\\0<address or *>" → 1
    {relay}:removed                hash    what is not in it, but has deliveries: the same → ms at which one was held
                                           back
    {relay}:probe                  string  written once a second, to see whether Redis takes writes
    {relay}:epoch                  string  random, made with the first pulse: another one says that all was deleted
    {relay}:schema                 string  the version of this layout
"""

from hashlib import blake2b, sha1

from relay.domain.deliveries import Window

PREFIX = "{relay}:"
LEDGER = PREFIX + "ledger"
DEAD = PREFIX + "dead"
QUARANTINE = PREFIX + "quarantine"
FAULTS = PREFIX + "faults"
SUPPRESSED = PREFIX + "suppressed"
KEY = PREFIX + "key"
QUEUES = (":urgent", ":stalled", ":phases")
DESTINATIONS = PREFIX + "destinations"
REMOVED = PREFIX + "removed"
TICKS = PREFIX + "ticks"
SCHEMA = PREFIX + "schema"
SCHEMA_VERSION = "2"
HOLDS = PREFIX + "holds"
PARKING = PREFIX + "parking"
CHANNELS = PREFIX + "channels"
PROBE = PREFIX + "probe"


def digest(*parts: str) -> bytes:
    """16 bytes that stand for these texts, in this order."""
    hashed = blake2b(digest_size=16)
    for part in parts:
        encoded = part.encode("utf-8", "surrogatepass")
        hashed.update(len(encoded).to_bytes(4, "big") + encoded)
    return hashed.digest()


def operation(subject: str, space: str = "") -> str:
    """The name under which an operation's (or batch's) keys are found; `space` for all but the first with this id."""
    return digest("operation", subject, *filter(None, [space])).hex()


def lane(subject: str, destination: str, address: str, space: str = "") -> str:
    """The name of the queue of one operation at one address."""
    return digest("lane", subject, destination, address, *filter(None, [space])).hex()


def spaces(subject: str) -> str:
    """Where the name spaces are kept that use this id beside the first one."""
    return f"{PREFIX}spaces:{operation(subject)}"


def bundle_id(kind: str, destination: str, address: str, window: Window) -> str:
    """The id of a bundle and of its delivery; the scripts make the same one."""
    return _sha1(kind, destination, address, f"{window.start * 1000:.0f}", f"{window.end * 1000:.0f}")


def digests(destination: str, address: str) -> str:
    """Where the figures of an address's sent digests are kept."""
    return f"{PREFIX}digests:{_sha1(destination, address)}"


def _sha1(*parts: str) -> str:
    return sha1("\0".join(parts).encode("utf-8", "replace"), usedforsecurity=False).hexdigest()
