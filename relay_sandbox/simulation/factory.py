"""New operations: from a request, as a member of a batch, as a retry of another. Pure but for the ids."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from pydantic import ValidationError

from relay_sandbox.runner import Runner
from relay_sandbox.schema.requests import FieldError, Play, RetryOperation, StartOperation
from relay_sandbox.simulation.scenarios import plan
from relay_sandbox.simulation.views import view_at
from relay_sandbox.storage.plans import Phase, Plan
from relay_sandbox.storage.records import Live, Operation


def new_operation(
    scope: tuple[str, str], request: StartOperation, now: float, speed: float, runner: Runner | None = None, *,
    held: bool = False, field: str = "parameters", prefix: str = "op", first: int = 0,
    used: int = 0, **fields: Any,
) -> Operation:  # fmt: skip
    """A new operation. FieldError names what in its parameters cannot be played; `place` is where they stand.

    With a runner it is a real job, which has the runner's phases and always begins with the first of them.
    """
    id_ = f"{prefix}-{uuid4()}"
    play = _play(request, field)
    seed = f"{play.seed}" if play.seed is not None else id_
    wish = request.parameters.get("resourceAllocation")
    wish = wish if isinstance(wish, dict) else {}
    waits = request.retry_policy.waits() if request.retry_policy else ()
    try:
        if runner:
            runner.check(request.parameters)
            phases = tuple(Phase(name=name, seconds=1.0) for name in runner.phases)
            scheme = Plan(phases=phases, delay=play.delay / speed, timeout=request.timeout / speed)
        else:
            scheme = plan(request.operation_type, play, timeout=request.timeout, waits=waits, speed=speed, seed=seed,
                          first=first, used=used)  # fmt: skip
    except ValueError as error:
        raise FieldError(field if runner else f"{field}.sandbox.phase", str(error)) from None
    return Operation(
        id=id_, tenant=scope[0], project=scope[1], created=now, request=request, plan=scheme, seed=seed, speed=speed,
        began=None if held else now, cpu=_number(wish.get("cpuUnits"), 4), memory=_number(wish.get("memoryGB"), 8),
        live=Live(spans=[(None, None)] * len(scheme.phases)) if runner else None, used=used, **fields,
    )  # fmt: skip


def retry_of(original: Operation, retry_request: RetryOperation, now: float, runner: Runner | None = None) -> Operation:
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
    kept = original.partial and not original.discarded and not runner
    first = before.snapshot.phase if retry_request.retry_mode == "resume" and kept else 0
    spans = [(start, end) for start, end in before.snapshot.spans[:first] if start is not None and end is not None]
    return new_operation(
        (original.tenant, original.project), request, now, original.speed, runner,
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
