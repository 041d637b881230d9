"""Report of a part, with the promises that were broken: the table at the end."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

EXAMPLES = 5  # of each broken promise; the others are counted


@dataclass
class Report:
    """Of one part. `count` what was done, `promise` what has to hold."""

    part: str
    counts: Counter[str] = field(default_factory=Counter)
    figures: dict[str, str] = field(default_factory=dict)
    broken: dict[str, list[str]] = field(default_factory=dict)
    promises: Counter[str] = field(default_factory=Counter)  # how often each was looked at

    def promise(self, text: str, holds: bool, example: object = "") -> None:
        """Look at a promise once; `example` is what broke it."""
        self.promises[text] += 1
        if not holds:
            self.broken.setdefault(text, []).append(f"{example}")

    @property
    def kept(self) -> bool:
        """A part that looked at nothing has shown nothing."""
        return bool(self.promises) and not self.broken


def table(reports: Sequence[Report]) -> Iterator[str]:
    """Lines for a terminal: what was done, what was measured, what holds and what does not."""
    for report in reports:
        yield f"{report.part}: {'all promises hold' if report.kept else 'BROKEN'}"
        counts = {name: f"{count:,}" for name, count in sorted(report.counts.items())} | report.figures
        yield from (f"    {name:<46} {value:>24}" for name, value in counts.items())
        for text, looks in report.promises.items():
            broken = report.broken.get(text, ())
            yield f"    {'broken' if broken else 'kept':<7}{text}: {len(broken):,} of {looks:,} broke it"
            yield from (f"           {example[:400]}" for example in broken[:EXAMPLES])
        if not report.promises:
            yield "    nothing was looked at"
