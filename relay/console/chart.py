"""The durations of a job's runs as a drawing: a column for each run, the usual band behind them. Pure.

All of it is numbers: a template writes them into attributes of an SVG.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from relay.domain.outcomes import Outcome, Usual

WIDTH, HEIGHT = 720.0, 200.0
LEFT, TOP, BOTTOM = 56.0, 8.0, 24.0  # room for the figures beside and below
STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800,
         604_800)  # fmt: skip
LINES = 4  # at most, above the ground


@dataclass(frozen=True, slots=True)
class Column:
    """A run. `tone` is ok, bad or quiet; `height` 0 where its duration is not known: then it is a mark alone."""

    x: float
    y: float
    width: float
    height: float
    tone: str
    status: str
    duration: float | None


@dataclass(frozen=True, slots=True)
class Rung:
    """A line across, and the seconds that it stands for."""

    y: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Chart:
    """`band` is the top and the height of what is usual, `middle` where the median is."""

    columns: Sequence[Column]
    rungs: Sequence[Rung]
    band: tuple[float, float] | None
    middle: float | None
    width: float = WIDTH
    height: float = HEIGHT
    left: float = LEFT
    ground: float = HEIGHT - BOTTOM


def chart(ends: Sequence[Outcome], lasts: Usual | None) -> Chart | None:
    """None where no duration is known."""
    durations = [end.duration for end in ends if end.duration is not None and end.duration >= 0]
    if not durations:
        return None
    most = max(*durations, lasts.high if lasts else 0.0, 1.0) * 1.05
    ground = HEIGHT - BOTTOM
    scale = (ground - TOP) / most

    def y(seconds: float) -> float:
        return round(ground - seconds * scale, 1)

    step = (WIDTH - LEFT) / max(len(ends), 12)
    columns = [
        Column(
            x=round(LEFT + number * step + step * 0.15, 1),
            y=y(end.duration or 0.0),
            width=round(step * 0.7, 1),
            height=round((end.duration or 0.0) * scale, 1),
            tone="ok" if end.succeeded else "bad" if end.failed else "quiet",
            status=end.status,
            duration=end.duration,
        )
        for number, end in enumerate(ends)
    ]
    apart = next((seconds for seconds in STEPS if most / seconds <= LINES), most / LINES)
    rungs = [Rung(y(number * apart), number * apart) for number in range(int(most / apart) + 1)]
    band = (y(lasts.high), round(y(lasts.low) - y(lasts.high), 1)) if lasts else None
    return Chart(columns, rungs, band, y(lasts.median) if lasts else None)
