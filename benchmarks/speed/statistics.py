"""Medians of rounds, and ratios to what ran beside it in the same round: a machine drifts more than subjects differ."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import median

Sample = Mapping[str, float]  # one subject's figures of one round
Rounds = Mapping[str, Sequence[Sample]]  # by subject


def middle(samples: Iterable[Sample], figure: str) -> float | None:
    """The median over the rounds that have this figure."""
    values = [sample[figure] for sample in samples if figure in sample]
    return median(values) if values else None


def ratio(rounds: Rounds, subject: str, base: str, figure: str) -> float | None:
    """The median of what each round's two figures give; None if no round has both."""
    pairs = zip(rounds.get(subject, ()), rounds.get(base, ()), strict=False)
    values = [one[figure] / other[figure] for one, other in pairs if figure in one and other.get(figure)]
    return median(values) if values else None


def quantile(values: Iterable[float], share: float) -> float:
    """The value that this share of all does not exceed; 0 of none."""
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else 0.0


def spread(samples: Sequence[Sample], figure: str) -> float:
    """How far apart the rounds are, as a share of their median: 0 if there is but one."""
    values = [sample[figure] for sample in samples if figure in sample]
    return (max(values) - min(values)) / median(values) if values and median(values) else 0.0
