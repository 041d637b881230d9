"""Copies of messages as they were sent, for operators (`Store.open(…, copies=COPIES)`).

It is written in the step that settles its delivery, and read by relay/store/copies.py.
"""

import json
import zlib
from html import escape

from relay.domain.deliveries import Delivery, Notification
from relay.store.sealing import COPY, Sealer

COPIES = 10_000, 64 * 2**20  # so many, and of so many bytes, in all partitions together
LONGEST = 128 * 2**10  # bytes of one, as it is kept; of a longer message there is none
LEVEL = 3  # of zlib: some 60 µs for a message of 8 kB, which then takes 2
NO_LINK = "#"  # in place of the reader's own link: who follows it unsubscribes


def copied_as(delivery: Delivery) -> str:
    """Return the name of a message's copy: that of its lane where the message is edited."""
    return delivery.lane if delivery.kind in ("live", "roundup") else delivery.id


def packed_copy(delivery: Delivery, sent: Notification, at: float, sealer: Sealer | None) -> bytes:
    """Return the copy of a message; empty for one that is too long."""
    document = {
        "at": at,
        "channel": delivery.channel,
        "destination": sent.destination,
        "address": sent.address,
        "kind": sent.kind,
        "event": sent.event,
        "subject": sent.subject,
        "language": sent.language,
        "mentions": sent.mentions,
        "content": sent.content,
    }
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"), default=str)
    if link := sent.unsubscribe:
        for spelled in {link, escape(link), json.dumps(link)[1:-1]}:
            text = text.replace(spelled, NO_LINK)
    packed = zlib.compress(text.encode("utf-8", "replace"), LEVEL)
    if sealer is not None:
        packed = sealer.seal(packed, COPY, copied_as(delivery))
    return packed if len(packed) <= LONGEST else b""
