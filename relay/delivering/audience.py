"""Whom a message calls, and whether the conversation sees a reply, beyond what its event alone says.

A failure that too few came before calls nobody (relay.policy.alerts), one that healed neither, and for one cause each
is called once: the store says whom no other of its failures has called.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from relay.domain.deliveries import Delivery
from relay.policy.alerts import alerts, works_again
from relay.store.causes import EVERYBODY

Calls = Callable[[Delivery, Sequence[str]], Awaitable[Sequence[str]]]


class Audience(NamedTuple):
    mentions: tuple[str, ...]
    broadcast: bool


async def audience(
    delivery: Delivery, names: tuple[str, ...], calls: Calls | None, *, alert_after: int, countable: bool
) -> Audience:
    """`names` are those whom its event calls. `countable`: other runs of its job are known."""
    row = delivery.wording == "also"
    if delivery.wording == "healed" or not alerts(delivery.event, alert_after, countable=countable):
        return Audience((), broadcast=False)
    if delivery.kind == "reply" and works_again(delivery.event, alert_after):
        return Audience((), broadcast=True)
    if calls is None or not delivery.group or delivery.kind not in ("live", "reply"):
        return Audience(names, broadcast=delivery.broadcast and not row)
    visible = delivery.broadcast or delivery.kind == "live"
    called = await calls(delivery, (*names, EVERYBODY) if visible else names)
    if not row:
        return Audience(names, broadcast=delivery.broadcast)
    mine = tuple(name for name in names if name in called)
    return Audience(mine, broadcast=delivery.broadcast and EVERYBODY in called)
