"""A long timeline cut to what a screen holds: what repeats is counted, what is unusual stands alone. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Line = Mapping[str, Any]

ORDINARY = ("accepted", "queued", "held", "digested", "superseded", "delivered")  # whatever else happened is shown
VARIES = ("at", "percentage", "receipt", "count", "until", "lowest_percentage")  # among lines that say the same
FEW = 3  # as many of a kind are shown one by one


@dataclass(frozen=True)
class Repeated:
    """Lines of one kind, in their order; others happened in between. Some may stand for several themselves."""

    lines: tuple[Line, ...]

    @property
    def line(self) -> dict[str, Any]:
        """The first of them, with what the last says, how many there were, and all percentages from first to last."""
        last = self.lines[-1]
        ends = [(line.get("lowest_percentage", line["percentage"]), line["percentage"])
                for line in self.lines if line.get("percentage") is not None]  # fmt: skip
        return {
            **last,
            **({"lowest_percentage": ends[0][0], "percentage": ends[-1][1]} if ends else {}),
            "at": self.lines[0]["at"],
            "count": sum(line.get("count", 1) for line in self.lines),
            "until": last.get("until", last["at"]),
        }


def fold(lines: Sequence[Line]) -> list[Line | Repeated]:
    """The lines, with those of which there are many counted where the first of them was.

    Of the events, the first and the last are kept beside the count: they say when it began and how far it came.
    """
    kinds: dict[tuple[tuple[str, Any], ...], list[int]] = {}
    for number, line in enumerate(lines):
        if line["what"] in ORDINARY:
            kind = tuple((name, value) for name, value in line.items() if name not in VARIES)
            kinds.setdefault(kind, []).append(number)
    counted: dict[int, Repeated] = {}
    left_out: set[int] = set()
    for numbers in kinds.values():
        if len(numbers) > FEW:
            within = numbers[1:-1] if lines[numbers[0]]["what"] == "accepted" else numbers
            counted[within[0]] = Repeated(tuple(lines[number] for number in within))
            left_out.update(within)
    return [
        counted.get(number, line) for number, line in enumerate(lines) if number in counted or number not in left_out
    ]
