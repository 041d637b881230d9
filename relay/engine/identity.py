"""Identity: what came before is known by digests of facts and of the senders' ids, kept with their operation."""

from relay.engine.names import DIGEST
from relay.engine.records import KEEP_OPERATION, Operation, identities
from relay.engine.state import Draft

FEW = 32  # digests in the record itself; those of a run of hundreds of events are in a table beside it


def is_known(d: Draft, o: Operation, digest: str) -> bool:
    """Return whether a fact or a sender's id of this digest came before; False for ''."""
    if not digest:
        return False
    place = o.ids.find(digest)
    while place >= 0:
        if place % DIGEST == 0:
            return True
        place = o.ids.find(digest, place + 1)
    return o.many and d.field(identities(o.name), digest) is not None


def remember(d: Draft, o: Operation, *digests: str) -> None:
    for digest in filter(None, digests):
        if len(o.ids) < FEW * DIGEST:
            o.ids += digest
        else:
            o.many = True
            d.put(identities(o.name), digest, b"", kept=KEEP_OPERATION)
    if o.many:  # it lives as long as the record
        d.keep(identities(o.name), KEEP_OPERATION)
