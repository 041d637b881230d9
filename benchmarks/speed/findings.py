"""Figures of a part of the benchmark: medians of rounds, and ratios to a subject of the same round."""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from subprocess import SubprocessError

from benchmarks.speed.relays import CHECKOUT

Sample = Mapping[str, float]  # one subject's figures of one round
Rounds = Mapping[str, Sequence[Sample]]  # by subject


def middle(samples: Iterable[Sample], figure: str) -> float | None:
    """The median over the rounds that have this figure."""
    values = [sample[figure] for sample in samples if figure in sample]
    return median(values) if values else None


def ratio(rounds: Rounds, subject: str, base: str, figure: str) -> float | None:
    """The median of what each round's two figures give; None if no round has both."""
    pairs = zip(rounds.get(subject, ()), rounds.get(base, ()), strict=False)
    values = [
        numerator[figure] / other[figure] for numerator, other in pairs if figure in numerator and other.get(figure)
    ]
    return median(values) if values else None


def quantile(values: Iterable[float], share: float) -> float:
    """The value that this share of all does not exceed; 0 of none."""
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else 0.0


BASE = "bare aiohttp"


@dataclass(frozen=True, slots=True)
class Bounds:
    """Length and rounds: `scale` is 1 for figures, and less to see that it works. `only`: subjects with one of these
    words, and the base of ratios."""

    directory: Path
    rounds: int = 2
    ends: float = math.inf  # by `time.monotonic`: no further round is begun that would take longer
    scale: float = 1.0
    only: Sequence[str] = ()
    beside: Path | None = None  # another checkout, whose relay takes turns with this one's

    def seconds(self, full: int) -> int:
        return max(1, round(full * self.scale))

    def count(self, full: int, smallest: int = 20) -> int:
        return max(smallest, round(full * self.scale))

    def wants(self, subject: str) -> bool:
        return not self.only or subject == BASE or any(word in subject for word in self.only)


@dataclass(frozen=True, slots=True)
class Column:
    """A figure of the table; `base`: as a ratio to this subject's in the same round."""

    head: str
    figure: str
    form: str = ",.0f"
    base: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars of one figure, but for those subjects that would dwarf the others."""

    figure: str
    title: str
    form: str = ",.0f"
    without: Sequence[str] = ()


@dataclass(slots=True)
class Findings:
    """A table of subjects and their figures. `faults` is what was lost, doubled or refused: it has to be empty."""

    name: str
    title: str
    text: str
    columns: Sequence[Column]
    charts: Sequence[Chart] = ()
    rounds: dict[str, list[Sample]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def rows(self) -> list[list[str]]:
        return [[subject, *(_cell(self.rounds, subject, column) for column in self.columns)] for subject in self.rounds]

    def bars(self, chart: Chart) -> list[tuple[str, float]]:
        shown = {subject: samples for subject, samples in self.rounds.items() if subject not in chart.without}
        values = ((subject, middle(samples, chart.figure)) for subject, samples in shown.items())
        return [(subject, value) for subject, value in values if value is not None]


Measure = Callable[[Path, list[str]], Sample]


def interleaved(findings: Findings, subjects: Mapping[str, Measure], bounds: Bounds) -> None:
    """Every subject once in each round, from the first to the last and then back; one that fails ends alone."""
    subjects = {name: measure for name, measure in subjects.items() if bounds.wants(name)}
    if bounds.beside:
        subjects = dict(_doubled(subjects, bounds.beside.resolve()))
    findings.rounds |= {subject: [] for subject in subjects}
    began = time.monotonic()
    for number in range(bounds.rounds):
        if number and time.monotonic() + (time.monotonic() - began) / number > bounds.ends:
            findings.left_out.append(f"{bounds.rounds - number} of {bounds.rounds} rounds, for which there was no time")
            break
        for subject in [*subjects] if number % 2 == 0 else reversed([*subjects]):
            directory = bounds.directory / f"{findings.name}-{number}-{[*subjects].index(subject)}"
            directory.mkdir()
            lines: list[str] = []
            sample: Sample = {}  # so that the rounds of one that failed match those of the others
            try:
                sample = subjects[subject](directory, lines)
            except (OSError, RuntimeError, TimeoutError, SubprocessError) as error:
                lines.append(f"did not run: {error}")
            findings.rounds[subject].append(sample)
            findings.faults += [f"{subject}, round {number + 1}: {fault}" for fault in lines]
            print(f"  {findings.name} {number + 1}/{bounds.rounds}  {subject}  {_brief(findings, subject)}", flush=True)


def _doubled(subjects: Mapping[str, Measure], checkout: Path) -> Iterator[tuple[str, Measure]]:
    """Each, and after each relay the other checkout's."""

    def there(measure: Measure) -> Measure:
        def measured(directory: Path, faults: list[str]) -> Sample:
            ours = CHECKOUT.set(checkout)
            try:
                return measure(directory, faults)
            finally:
                CHECKOUT.reset(ours)

        return measured

    for name, measure in subjects.items():
        yield name, measure
        if name.startswith("relay"):
            yield f"{name} ({checkout.name})", there(measure)


def _brief(findings: Findings, subject: str) -> str:
    return "  ".join(f"{name} {value:,.5g}" for name, value in findings.rounds[subject][-1].items()) or "did not run"


def _cell(rounds: Rounds, subject: str, column: Column) -> str:
    samples = rounds[subject]
    value = ratio(rounds, subject, column.base, column.figure) if column.base else middle(samples, column.figure)
    return "–" if value is None else format(value, column.form)
