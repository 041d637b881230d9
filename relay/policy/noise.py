"""What each destination and rule lets through, counted in the process: how many events, and what became of them. Pure.

An event costs one look into a dict here: those that have the same targets, and are held for the same reasons, are one
number. What they mean for destinations and rules is worked out when the numbers are taken (relay/store/noise.py).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from relay.domain.deliveries import Target
from relay.domain.events import Event
from relay.policy.routing import Routing

ROOM = 500  # kinds of events between two takings; of more, the numbers are worked out at once

Held = tuple[tuple[str, str], ...]  # destination and reason
Field = tuple[str, str]  # "d" and the name of a destination, or "r" and that of a rule; and what is counted


@dataclass(slots=True)
class _Kind:
    targets: Sequence[Target]  # kept, so that no others have their id
    held: Held
    rules: Mapping[str, Sequence[str]]
    count: int = 0


class Noise:
    """Numbers since the last taking."""

    def __init__(self) -> None:
        self._kinds: dict[tuple[int, Held], _Kind] = {}
        self._counts = Counter[Field]()

    def decided(self, targets: Sequence[Target], held: Held, event: Event, routing: Routing | None) -> None:
        """An event was accepted for these targets, which `routing` named, if any did; some it is held at."""
        kind = self._kinds.get((id(targets), held))
        if kind is None:
            if len(self._kinds) >= ROOM:
                self._work_out()
            kind = self._kinds[id(targets), held] = _Kind(targets, held, routing.rules_of(event) if routing else {})
        kind.count += 1

    def sent(self, destination: str, *, edit: bool) -> None:
        """A message arrived, or an edit of one."""
        self._counts[f"d{destination}", "edits" if edit else "told"] += 1

    def take(self) -> Counter[Field]:
        """matched: events; queued: addresses that are to hear of them; held:<reason>: those that are not. Of
        destinations, also told and edits: messages that arrived."""
        self._work_out()
        counts, self._counts = self._counts, Counter()
        return counts

    def give_back(self, counts: Counter[Field]) -> None:
        """They could not be written."""
        self._counts.update(counts)

    def _work_out(self) -> None:
        for kind in self._kinds.values():
            addresses = Counter(target.destination for target in kind.targets)
            held = Counter(kind.held)
            for destination in addresses or [name for name, _ in held]:
                reasons = {reason: times for (name, reason), times in held.items() if name == destination}
                queued = addresses[destination] - sum(reasons.values())
                of = [f"d{destination}", *(f"r{rule}" for rule in kind.rules.get(destination, ()))]
                for name in of:
                    if queued > 0:
                        self._counts[name, "queued"] += queued * kind.count
                    for reason, times in reasons.items():
                        self._counts[name, f"held:{reason}"] += times * kind.count
                self._counts[of[0], "matched"] += kind.count
            for rule in {rule for rules in kind.rules.values() for rule in rules}:
                self._counts[f"r{rule}", "matched"] += kind.count
        self._kinds = {}
