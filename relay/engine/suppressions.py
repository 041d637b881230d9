"""Addresses that are not written to: their readers unsubscribed, their servers refused, or an operator added them."""

from dataclasses import dataclass, field
from typing import ClassVar

from relay.engine.draft import Draft
from relay.engine.records import DAY, SUPPRESSED, Delivery
from relay.engine.state import Record
from relay.reasons import Held

EVERYWHERE = "*"
BOUNCES, BOUNCE_WINDOW = 3, 14 * DAY  # so many refusals within this time, and the address is written to no more


@dataclass
class Suppression(Record):
    """An address that is not written to: "<destination or *> <address in small letters>"."""

    PREFIX: ClassVar[str] = "suppressed:"

    reason: str = ""
    at: int = 0
    address: str = ""
    detail: str = ""


@dataclass
class Bounces(Record):
    """Refusals of an address, in small letters, by its server."""

    PREFIX: ClassVar[str] = "bounces:"
    KEPT: ClassVar[int] = 14 * DAY

    deliveries: dict[str, int] = field(default_factory=dict)  # refused delivery → when


def suppressed(d: Draft, destination: str, address: str, essential: bool = False) -> str:
    """Return why nothing may be sent there; '' if it may.

    `essential`: it reaches readers who have unsubscribed as well.
    """
    for scope in (destination, EVERYWHERE):
        suppression = d.get(Suppression, name_of(scope, address))
        if suppression and not (essential and suppression.reason == Held.UNSUBSCRIBED.value):
            return suppression.reason
    return ""


def bounce(d: Draft, x: Delivery, kind: str, error: str) -> bool:
    """Count a refusal of its address; return whether it is suppressed by that.

    hard: there is no such address. soft: its server does not want this mail, which may pass.
    """
    bounces = d.edit(Bounces, folded(x.address))
    oldest = d.now - BOUNCE_WINDOW
    bounces.deliveries = {name: at for name, at in bounces.deliveries.items() if at > oldest} | {x.name: d.now}
    if kind != "hard" and len(bounces.deliveries) < BOUNCES:
        return False
    return Suppress(EVERYWHERE, x.address, Held.BOUNCED.value, error).decide(d)


def forgive(d: Draft, address: str) -> None:
    """Forget its refusals: something arrived."""
    if d.get(Bounces, folded(address)):
        d.drop(Bounces, folded(address))


@dataclass(frozen=True, slots=True)
class Suppress:
    """Write to an address no more. Answer: whether that is new; else it keeps its reason."""

    destination: str
    address: str
    reason: str
    detail: str = ""

    def decide(self, d: Draft) -> bool:
        name = name_of(self.destination, self.address)
        if d.get(Suppression, name):
            return False
        d.add(Suppression(name, self.reason, d.now, self.address, self.detail))
        d.place(SUPPRESSED, name, d.now)
        return True


@dataclass(frozen=True, slots=True)
class Unsuppress:
    """Write to it again. Answer: whether it was suppressed, and for that `reason` ('' for any)."""

    destination: str
    address: str
    reason: str = ""

    def decide(self, d: Draft) -> bool:
        name = name_of(self.destination, self.address)
        suppression = d.get(Suppression, name)
        if suppression is None or self.reason not in ("", suppression.reason):
            return False
        d.drop(Suppression, name)
        d.take_out(SUPPRESSED, name)
        forgive(d, self.address)
        return True


def name_of(destination: str, address: str) -> str:
    """Return the name of the record of an address at a destination."""
    return f"{destination} {folded(address)}"


def folded(address: str) -> str:
    """Return an address as it is compared: ASCII letters in small ones, all others as they are."""
    return address.encode("utf-8", "replace").lower().decode()
