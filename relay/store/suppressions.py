"""Suppressed addresses and reasons: requested by the reader, bounced, or added by an operator.

accept holds back what would go there, and claim drops what was queued already. Both look here in the same step, so
nothing is sent after a reader has unsubscribed, except what is being sent at that moment.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from relay.reasons import Held
from relay.store import keys
from relay.store.client import call
from relay.store.owners import whole_hash
from relay.store.queue import Store
from relay.store.sealing import ANSWER, Sealer, text_to_show

EVERYWHERE = "*"
UNSUBSCRIBED, BOUNCED, ADDED = Held.UNSUBSCRIBED.value, Held.BOUNCED.value, Held.SUPPRESSED.value


@dataclass(frozen=True, slots=True)
class Suppressed:
    """One entry. `destination` may be `*`; `detail` is the mail server's answer, if that was the reason."""

    destination: str
    address: str
    reason: str
    detail: str
    at: datetime


class Suppressions:
    """The list. Raises StoreUnavailable."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def add(self, address: str, destination: str = EVERYWHERE, *, reason: str = ADDED, detail: str = "") -> bool:
        """Write there no more. False: it was on the list already, and keeps its reason."""
        return await self._everywhere(["add", destination, address, reason, detail[:500]])

    async def remove(self, address: str, destination: str, *, reason: str = "") -> bool:
        """Write there again, and forget its bounces. False: it was not on the list, or not for this `reason`."""
        return await self._everywhere(["remove", destination, address, reason])

    async def _everywhere(self, args: Sequence[str]) -> bool:
        """Each partition has the whole list, but for what bounced in another one."""
        return any(await self._store.partitions.run("suppress", args))

    async def find(self, address: str) -> list[Suppressed]:
        """Every entry of this address."""
        folded = _folded(address)
        return [entry for entry in await self.all() if _folded(entry.address) == folded]

    async def scopes(self, address: str, destinations: Iterable[str]) -> list[str]:
        """For which of these destinations, or `*`, this address is on the list, in their order."""
        scopes = [*dict.fromkeys([EVERYWHERE, *destinations])]
        listed = set[str]()
        for partition in self._store.partitions:
            fields = [f"{scope} {_folded(address)}" for scope in scopes]
            rows = await call(self._store.redis.hmget(partition.key(keys.SUPPRESSED), fields))
            listed |= {scope for scope, row in zip(scopes, rows, strict=True) if row}
        return [scope for scope in scopes if scope in listed]

    async def reason(self, destination: str, address: str) -> str:
        """Why nothing goes there, or ''."""
        fields = [f"{scope} {_folded(address)}" for scope in (destination, EVERYWHERE)]
        for partition in self._store.partitions:
            rows = await call(self._store.redis.hmget(partition.key(keys.SUPPRESSED), fields))
            if reason := next((json.loads(row)["reason"] for row in rows if row), ""):
                return str(reason)
        return ""

    async def among(self, destination: str, addresses: Sequence[str]) -> dict[str, Suppressed]:
        """The entries of these addresses that hold at this destination."""
        fields = [f"{scope} {_folded(address)}" for address in addresses for scope in (destination, EVERYWHERE)]
        rows = dict[bytes, bytes]()
        for partition in self._store.partitions if fields else ():
            values = await call(self._store.redis.hmget(partition.key(keys.SUPPRESSED), fields))
            rows = {field.encode(): value for field, value in zip(fields, values, strict=True) if value} | rows
        entries = {_folded(entry.address): entry for entry in _entries(rows.items(), self._store.sealer)}
        return {address: entries[_folded(address)] for address in addresses if _folded(address) in entries}

    async def all(self) -> list[Suppressed]:
        """The whole list, oldest first; read piece by piece, for a long one must not hold up a delivery."""
        rows = dict[bytes, bytes]()
        for partition in self._store.partitions:
            rows = await call(whole_hash(self._store.redis, partition.key(keys.SUPPRESSED), 500)) | rows
        return sorted(
            _entries(rows.items(), self._store.sealer), key=lambda entry: (entry.at, entry.destination, entry.address)
        )


def _entries(rows: Iterable[tuple[bytes, bytes]], sealer: Sealer | None) -> Iterable[Suppressed]:
    for name, value in rows:
        row = json.loads(value)
        at = datetime.fromtimestamp(row["at"] / 1000, UTC)
        destination, _, address = name.decode("utf-8", "replace").partition(" ")
        detail = text_to_show(sealer, row.get("detail", ""), ANSWER)  # it may be older than the keys that are here
        yield Suppressed(destination, row.get("address") or address, row["reason"], detail, at)


def _folded(address: str) -> str:
    """Return an address as the scripts compare it: ASCII letters in small ones, all others as they are."""
    return address.encode("utf-8", "replace").lower().decode()
