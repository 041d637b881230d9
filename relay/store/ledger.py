"""The ledger: what became of every delivery, counted by the scripts in the step in which it happens."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from relay.store import keys
from relay.store.everywhere import Everywhere


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


async def ledger_of(everywhere: Everywhere) -> Ledger:
    counts = Counter[str]()
    for row in await everywhere.each(lambda key: everywhere.redis.hgetall(key(keys.LEDGER))):
        for name, count in row.items():
            counts[name.decode()] += int(count)
    return Ledger(counts)
