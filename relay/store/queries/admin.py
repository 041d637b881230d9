"""Questions and acts of operators; each is in the module of its name."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from relay.engine.parking import Announce, Configured
from relay.store.queries.backlog import Backlog
from relay.store.queries.dead_letters import DeadLetters
from relay.store.queries.timelines import Timelines

CONFIGURED = "configured"  # the name of the only record of its kind
REMOVED = 180.0  # seconds; what is held back is looked at each minute


@dataclass(frozen=True, slots=True)
class Ledger:
    """The counters, and whether they add up.

    accepted = pending + held + delivered + superseded + digested + dead + dropped. What goes into a digest counts as
    digested when it is put there; the digest itself is a delivery of its own and counts like any other. So do what
    quiet hours, the cap on new messages, a long wait or the limit of what operations ask for hold (held:quiet_hours,
    held:overflow, held:backlog, held:requested) and the round-up that shows it.
    """

    counts: Mapping[str, int]

    @property
    def held(self) -> int:
        return sum(count for name, count in self.counts.items() if name.startswith("held:"))

    @property
    def imbalance(self) -> int:
        states = ("pending", "delivered", "superseded", "digested", "dead", "dropped")
        return self.counts.get("accepted", 0) - self.held - sum(self.counts.get(state, 0) for state in states)


class Admin(Backlog, DeadLetters, Timelines):
    """Reads the records for people. Bounded queries only: nothing here may slow a delivery down."""

    async def ledger(self) -> Ledger:
        return Ledger(Counter(await self._reader.counts()))

    async def announce(self, addresses: Mapping[str, Mapping[str, Sequence[str]]]) -> None:
        """Say which destinations there are, and their addresses by channel (`*`: any).

        What is queued for others is held back; what was held back for these goes on at once. Where a destination has
        one address instead of another in a channel, it goes there.
        """
        await self._store.submit(Announce(addresses))

    async def removed(self, now: float) -> list[tuple[str, str]]:
        """Destination and address of what was held back in the last minutes, because they are configured no more."""
        it = await self._record(Configured, CONFIGURED)
        lacking = it.lacking.items() if it else ()
        names = sorted(name.partition("\0") for name, at in lacking if now - at / 1000 <= REMOVED)
        return [(destination, address) for destination, _, address in names]

    async def present(self, destination: str, channel: str) -> str:
        """The address that what waits for a former one of this destination goes to; '' where there is none."""
        it = await self._record(Configured, CONFIGURED)
        return it.heirs.get(f"{destination}\0{channel}", "") if it else ""
