"""Every key in Redis, and the digests they are named by.

All keys carry one hash tag, so every script is one step on one node. Ids from outside never become part of a key:
they are hashed first.

    {relay}:ledger                 hash    the counters; accepted = pending + held:* + delivered + superseded
                                           + dead + dropped, at all times
    {relay}:operation:<op>         hash    what is known: order (rank, retry, percentage, phases, at, seq), facts
                                           (fact:*), newest event of each name (doc:*, seq:*), gates (gate:<lane>)
    {relay}:log:<op>               list    what happened to it, for people; the last 200 lines
    {relay}:delivery:<id>          hash    one delivery until it is delivered, superseded or dropped
    {relay}:lane:<lane>            list    delivery ids in order; only the head is due
    {relay}:thread:<lane>          hash    a live message: waiting, flying, posted, sent; t:* is the channel's own
    {relay}:event:<digest>         hash    a body and how many deliveries still need it
    {relay}:due:<channel>[:urgent] zset    delivery id → ms since the epoch from which it may be claimed
    {relay}:leases                 zset    delivery id → ms at which the lease lapses
    {relay}:dead                   zset    delivery id → ms at which it died
    {relay}:seen:<bucket>:<shard>  set     16-byte digests of delivery ids and facts
    {relay}:rate:<limit>           string  GCRA: when the limit's next slot is free
    {relay}:pause:<scope>          hash    until, reason, since, probe; scope is limit:, lane:, destination: or channel:
    {relay}:claimed:<worker>:<ch>  string  the worker's last claim, to give it again if the answer was lost
    {relay}:quarantine             zset    id → ms; the bodies that were signed but made no sense
    {relay}:quarantined:<id>       hash    source, reason, headers, body
    {relay}:probe                  string  written once a second, to see whether Redis takes writes
    {relay}:schema                 string  the version of this layout
"""

from hashlib import blake2b

PREFIX = "{relay}:"
LEDGER = PREFIX + "ledger"
LEASES = PREFIX + "leases"
DEAD = PREFIX + "dead"
QUARANTINE = PREFIX + "quarantine"
SCHEMA = PREFIX + "schema"
SCHEMA_VERSION = "1"
PROBE = PREFIX + "probe"


def digest(*parts: str) -> bytes:
    """16 bytes that stand for these texts, in this order."""
    hashed = blake2b(digest_size=16)
    for part in parts:
        encoded = part.encode("utf-8", "surrogatepass")
        hashed.update(len(encoded).to_bytes(4, "big") + encoded)
    return hashed.digest()


def operation(subject: str) -> str:
    """The name under which an operation's (or batch's) keys are found."""
    return digest("operation", subject).hex()


def lane(subject: str, destination: str, address: str) -> str:
    """The name of the queue of one operation at one address."""
    return digest("lane", subject, destination, address).hex()
