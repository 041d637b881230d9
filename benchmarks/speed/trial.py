"""Failures sent to one teller, a phase after the other, and what the stand-ins heard of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from benchmarks.speed.sending import Sent, at_a_rate, at_once
from benchmarks.speed.standins import Heard, Standins
from benchmarks.speed.telling import Teller

PATIENCE = 60.0  # seconds


@dataclass(frozen=True, slots=True)
class Phase:
    """What became of some failures: moments of those that were told of, and the seconds that this took."""

    sent: Sent
    told: list[float]
    waits: list[float]


class Trial:
    """`send` returns when all is told, or a minute later."""

    def __init__(self, teller: Teller, standins: Standins, url: str) -> None:
        self.heard: Heard = teller.heard(standins)
        self._standins = standins
        self._address = url + teller.path
        self._requests: Iterator[bytes] = teller.requests()
        self._refused = 0
        self.sent = 0  # so far

    def send(self, count: int, rate: float = 0.0, *, told: bool = True) -> Phase:
        """So many of them, at a rate or as fast as they are taken. Unless they are `told`, nobody waits for that."""
        some = [next(self._requests) for _ in range(count)]
        how = partial(at_a_rate, rate=rate) if rate else at_once
        sent = self._standins.run(how(self._address, some))
        names = [*map(_name, range(self.sent, self.sent + count))]
        self.sent += count
        self._refused += sent.refused
        if told:
            self.heard.reaches(self.sent, PATIENCE)
        pairs = [(due, self.heard.moments[name][0]) for due, name in zip(sent.due, names, strict=True)
                 if name in self.heard.moments]  # fmt: skip
        return Phase(sent, [moment for _, moment in pairs], [moment - due for due, moment in pairs])

    def faults(self) -> list[str]:
        """What was refused, lost or told twice of all that was sent."""
        refused = [f"{self._refused} not answered 2xx"] if self._refused else []
        return [*refused, *self.heard.faults({*map(_name, range(self.sent))})]


def _name(number: int) -> str:
    return f"op-{number:09}"
