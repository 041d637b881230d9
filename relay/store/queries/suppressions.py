"""Suppressed addresses and reasons: requested by the reader, bounced, or added by an operator."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from relay.engine.records import SUPPRESSED
from relay.engine.suppressions import EVERYWHERE, Suppress, Suppression, Unsuppress, folded, name_of
from relay.reasons import Held
from relay.store.queries.questions import Questions

UNSUBSCRIBED, BOUNCED, ADDED = Held.UNSUBSCRIBED.value, Held.BOUNCED.value, Held.SUPPRESSED.value


@dataclass(frozen=True, slots=True)
class Suppressed:
    """One entry. `destination` may be `*`; `detail` is the mail server's answer, if that was the reason."""

    destination: str
    address: str
    reason: str
    detail: str
    at: datetime


class Suppressions(Questions):
    """The list of them. Every failure is StoreUnavailable."""

    async def add(self, address: str, destination: str = EVERYWHERE, *, reason: str = ADDED, detail: str = "") -> bool:
        """Write there no more. False: it was on the list already, and keeps its reason."""
        return bool(await self._store.submit(Suppress(destination, address, reason, detail[:500])))

    async def remove(self, address: str, destination: str, *, reason: str = "") -> bool:
        """Write there again, and forget its bounces. False: it was not on the list, or not for this `reason`."""
        return bool(await self._store.submit(Unsuppress(destination, address, reason)))

    async def find(self, address: str) -> list[Suppressed]:
        return [entry for entry in await self.all() if folded(entry.address) == folded(address)]

    async def reason(self, destination: str, address: str) -> str:
        """Return why nothing goes there, or ''."""
        listed = await self._named(Suppression, [name_of(one, address) for one in (destination, EVERYWHERE)])
        return next((it.reason for it in listed.values()), "")

    async def among(self, destination: str, addresses: Sequence[str]) -> dict[str, Suppressed]:
        """The entries of these addresses that hold at this destination."""
        names = {one: (name_of(EVERYWHERE, one), name_of(destination, one)) for one in addresses}
        listed = await self._named(Suppression, [name for both in names.values() for name in both])
        found = {one: next((listed[name] for name in both if name in listed), None) for one, both in names.items()}
        return {address: _entry(it) for address, it in found.items() if it}

    async def all(self) -> list[Suppressed]:
        """The whole list, oldest first."""
        listed = await self._named(Suppression, await self._members(SUPPRESSED))
        entries = map(_entry, listed.values())
        return sorted(entries, key=lambda entry: (entry.at, entry.destination, entry.address))


def _entry(it: Suppression) -> Suppressed:
    destination, _, address = it.name.partition(" ")
    at = datetime.fromtimestamp(it.at / 1000, UTC)
    return Suppressed(destination, it.address or address, it.reason, it.detail, at)
