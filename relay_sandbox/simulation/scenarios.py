"""What happens to a simulated operation: the phases of its type, and what goes wrong in one of them. Pure."""

from collections.abc import Mapping, Sequence
from random import Random

from relay_sandbox.schema.requests import Play
from relay_sandbox.storage.plans import Phase, Plan

# The phases of a type and the minutes that each takes.
PHASES: Mapping[str, Sequence[tuple[str, float]]] = {
    "ProcessMiningAnalysis": (
        ("Data Loading & Validation", 7), ("Process Discovery", 13), ("Machine Learning Analysis", 17),
        ("Report Generation", 8),
    ),
    "DataEnrichment": (("Data Loading & Validation", 3), ("Data Cleaning", 5), ("Enrichment", 5), ("Export", 2)),
    "ReportGeneration": (("Data Collection", 3), ("Visualization", 4), ("Report Generation", 3)),
}  # fmt: skip
OTHER = (("Preparation", 2), ("Processing", 6), ("Finalization", 2))  # of every type not known here

# How often `random` lets something happen, in percent.
CHANCES = {"success": 80, "failure": 12, "stall": 4, "timeout": 4}


def phases_of(operation_type: str) -> list[str]:
    return [name for name, _ in PHASES.get(operation_type, OTHER)]


def plan(
    operation_type: str,
    play: Play,
    *,
    timeout: float,
    waits: Sequence[float] = (),
    speed: float = 1.0,
    seed: str = "",
    first: int = 0,
    used: int = 0,
) -> Plan:
    """The plan of an operation. Times are seconds as asked for; in the plan they are divided by `speed`.

    waits   before each automatic retry, from the operation's retryPolicy
    first   the phase to begin with
    used    how many attempts at this work have failed before, in the operations that this one retries
    ValueError says what cannot be played.
    """
    names, minutes = zip(*PHASES.get(operation_type, OTHER), strict=True)
    scenario = play.scenario
    if scenario == "random":
        chance = Random(f"scenario {play.seed if play.seed is not None else seed}")  # noqa: S311 - it only has to vary
        scenario = chance.choices(list(CHANCES), list(CHANCES.values()))[0]  # type: ignore[assignment]
    work = play.duration or sum(minutes) * 60
    if scenario == "timeout":
        work = max(work, 2 * timeout)
    scale = work / sum(minutes) / speed
    trouble = max(first, _trouble(operation_type, names, play)) if scenario in ("failure", "stall") else -1
    # Where nobody said how many fail, all attempts of an operation do, and a retry of it succeeds.
    failing = play.failures or (0 if used else len(waits) + 1)
    failures = max(0, failing - used) if scenario == "failure" else 0
    return Plan(
        phases=tuple(Phase(name=name, seconds=share * scale) for name, share in zip(names, minutes, strict=True)),
        delay=play.delay / speed,
        timeout=timeout / speed,
        first=first,
        kind=scenario if scenario in ("failure", "stall") else "",
        trouble=trouble,
        at=play.at,
        failures=failures,
        waits=tuple(wait / speed for wait in waits),
        pause=play.stall_for / speed if play.stall_for else None,
    )


def _trouble(operation_type: str, names: Sequence[str], play: Play) -> int:
    if play.phase is None:
        return max(0, len(names) - 2)
    if play.phase not in names:
        raise ValueError(f"{operation_type} has no phase of this name; expected one of {', '.join(names)}")
    return names.index(play.phase)
