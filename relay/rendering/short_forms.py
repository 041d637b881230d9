"""What messages show in few letters: the ids of runs, and how long each of their phases took. Pure."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from relay.rendering.localized_values import Localizer
from relay.rendering.texts import cut, line

NO_PHASE = {"name": "", "duration": None, "usual": None, "state": "", "slow": False}
MAX_ID = 24
MAX_STEPS = 20
MINUTES = (60.0, 3 * 3600.0)  # from here to there a number of minutes says enough

_UUID = re.compile(r"(.*[0-9a-f]{8})(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def short_id(value: object) -> str:
    """`op-ff0e8400` of `op-ff0e8400-e29b-41d4-a716-446655440000`: enough to tell one run from the next."""
    text = "" if value is None else line(str(value))
    match = _UUID.fullmatch(text)
    return cut(match[1] if match else text, MAX_ID)


def timed(formats: Localizer, phases: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Each phase's `name`, its `duration`, and its `usual` one where it was slow. None where there are not two to tell.

    In minutes, which the last one alone names, where all of them can be told in minutes.
    """
    steps = [phase for phase in phases if _known(phase.get("duration"))]
    if not 1 < len(steps) <= MAX_STEPS:
        return []
    usual = [step["usual"] if step.get("slow") and _known(step.get("usual")) else None for step in steps]
    times = [step["duration"] for step in steps] + [time for time in usual if time]
    in_minutes = all(MINUTES[0] <= time <= MINUTES[1] for time in times)

    def lasted(time: float) -> str:
        return formats.num(round(time / 60)) if in_minutes else formats.duration(time)

    rows = [
        {"name": str(step.get("name", "")), "duration": lasted(step["duration"]), "usual": lasted(time) if time else ""}
        for step, time in zip(steps, usual, strict=True)
    ]
    if in_minutes:
        rows[-1]["duration"] += " min"
    return rows


def named(phases: Iterable[Mapping[str, Any]], name: str) -> Mapping[str, Any]:
    """The phase of this name; one of which nothing is known where there is none."""
    return next((phase for phase in phases if phase.get("name") == name), NO_PHASE)


def _known(time: object) -> bool:
    return isinstance(time, int | float) and not isinstance(time, bool) and time >= 0
