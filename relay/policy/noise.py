"""What each destination and rule lets through, counted in the process. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence

from relay.domain.deliveries import Target

Held = tuple[tuple[str, str], ...]  # destination and reason
Field = tuple[str, str]  # "d" and the name of a destination, or "r" and that of a rule; and what is counted


class Noise:
    """Numbers since the last taking."""

    def __init__(self) -> None:
        self._counts = Counter[Field]()

    def decided(self, targets: Sequence[Target], held: Held, rules: Mapping[str, Sequence[str]]) -> None:
        """Count an event that was accepted for these targets and is held at some; `rules` by destination led there."""
        addresses, held_at = Counter(target.destination for target in targets), Counter(held)
        for destination in addresses or [name for name, _ in held]:
            reasons = {reason: times for (name, reason), times in held_at.items() if name == destination}
            queued = addresses[destination] - sum(reasons.values())
            of = [f"d{destination}", *(f"r{rule}" for rule in rules.get(destination, ()))]
            for name in of:
                if queued > 0:
                    self._counts[name, "queued"] += queued
                for reason, times in reasons.items():
                    self._counts[name, f"held:{reason}"] += times
            self._counts[of[0], "matched"] += 1
        for rule in {rule for names in rules.values() for rule in names}:
            self._counts[f"r{rule}", "matched"] += 1

    def sent(self, destination: str, *, edit: bool) -> None:
        """A message arrived, or an edit of one."""
        self._counts[f"d{destination}", "edits" if edit else "told"] += 1

    def take(self) -> Counter[Field]:
        """matched: events; queued: addresses that are to hear of them; held:<reason>: those that are not. Of
        destinations, also told and edits: messages that arrived."""
        counts, self._counts = self._counts, Counter()
        return counts

    def give_back(self, counts: Counter[Field]) -> None:
        """They could not be written."""
        self._counts.update(counts)
