"""New operations: from a request, as a member of a batch, as a retry of another; and the plan of each."""

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any
from uuid import uuid4

from pydantic import ValidationError

from relay_sandbox.schema.requests import FieldError, Play, RetryOperation, StartOperation
from relay_sandbox.simulation.views import view_at
from relay_sandbox.storage.records import Operation, Phase, Plan

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
    # Where no number of failures is given, all attempts of an operation do, and a retry of it succeeds.
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


def new_operation(
    scope: tuple[str, str], request: StartOperation, now: float, speed: float, *,
    held: bool = False, field: str = "parameters", prefix: str = "op", first: int = 0,
    used: int = 0, **fields: Any,
) -> Operation:  # fmt: skip
    """A new operation. FieldError names the parameter that cannot be played; `field` is its place."""
    id_ = f"{prefix}-{uuid4()}"
    play = _play(request, field)
    seed = f"{play.seed}" if play.seed is not None else id_
    wish = request.parameters.get("resourceAllocation")
    wish = wish if isinstance(wish, dict) else {}
    waits = request.retry_policy.waits() if request.retry_policy else ()
    try:
        scheme = plan(request.operation_type, play, timeout=request.timeout, waits=waits, speed=speed, seed=seed,
                      first=first, used=used)  # fmt: skip
    except ValueError as error:
        raise FieldError(f"{field}.sandbox.phase", str(error)) from None
    return Operation(
        id=id_, tenant=scope[0], project=scope[1], created=now, request=request, plan=scheme, seed=seed, speed=speed,
        began=None if held else now, cpu=_number(wish.get("cpuUnits"), 4), memory=_number(wish.get("memoryGB"), 8),
        used=used, **fields,
    )  # fmt: skip


def retry_of(original: Operation, retry_request: RetryOperation, now: float) -> Operation:
    """The operation that takes up another's work; FieldError as above.

    It succeeds, unless the new parameters choose a scenario or `failures` are left over from the old ones.
    """
    parameters = dict(original.request.parameters)
    updates = retry_request.updated_parameters if retry_request.modify_parameters else None
    if retry_request.modify_parameters and not updates:
        raise FieldError("updatedParameters", "missing; modifyParameters says that there are some")
    if updates:
        parameters = _merged(parameters, updates)
    play = parameters.get("sandbox")
    chosen = updates and isinstance(updates.get("sandbox"), Mapping) and "scenario" in updates["sandbox"]
    if isinstance(play, Mapping) and play.get("scenario") in ("stall", "timeout", "random") and not chosen:
        parameters["sandbox"] = {**play, "scenario": "success"}
    wish = parameters.get("resourceAllocation")
    priority = wish.get("priority") if isinstance(wish, Mapping) else None
    request = original.request.model_copy(update={
        "parameters": parameters,
        "timeout": retry_request.new_timeout or original.request.timeout,
        "retry_policy": retry_request.retry_policy or original.request.retry_policy,
        **({"priority": priority} if priority in ("Low", "Normal", "High", "Critical") else {}),
    })  # fmt: skip
    before = view_at(original, now)
    usable = original.partial and not original.discarded
    first = before.snapshot.phase if retry_request.retry_mode == "resume" and usable else 0
    spans = [(start, end) for start, end in before.snapshot.spans[:first] if start is not None and end is not None]
    return new_operation(
        (original.tenant, original.project), request, now, original.speed,
        field="updatedParameters" if updates else "parameters", prefix="op-retry", first=len(spans),
        preserved=tuple(spans), original=original.id,
        retry_number=original.retry_number + original.retries + 1, batch=original.batch, key=original.key,
        used=0 if chosen else original.used + _attempts(original),
    )  # fmt: skip


def _attempts(original: Operation) -> int:
    return len(original.plan.waits) + 1 if original.status == "Failed" else 0


def _play(request: StartOperation, field: str) -> Play:
    try:
        return Play.model_validate(request.parameters.get("sandbox", {}))
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        steps = ".".join(map(str, ("sandbox", *fault["loc"])))
        raise FieldError(f"{field}.{steps}", fault["msg"][:1].lower() + fault["msg"][1:]) from None


def _merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """`new` over `old`, object by object."""
    both = {key: _merged(old[key], value) if isinstance(old.get(key), Mapping) and isinstance(value, Mapping) else value
            for key, value in new.items()}  # fmt: skip
    return {**old, **both}


def _number(value: object, otherwise: float) -> float:
    good = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 10_000
    return value if good else otherwise  # type: ignore[return-value]
