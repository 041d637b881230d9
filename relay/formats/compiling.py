"""Compiling of formats as the configuration has them; every fault with its place and what was expected. Pure."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from relay.configfile.validation import suggest
from relay.formats.fields import FIELDS, OF_PHASES, Convert
from relay.formats.mapping import IGNORE, Case, Condition, Fields, Format, Phase
from relay.formats.values import FormatError, Read, Table, table, value

STATUSES = ("Initiated", "Running", "Completed", "Failed", "Cancelled", "Timeout", IGNORE)
PHASE_STATUSES = ("Pending", "Running", "Completed", "Failed", "Cancelled", IGNORE)
PRESENT, ABSENT = "present", "absent"
MAX_ENTRIES = 20  # labels or results of a run
NESTED = ("labels", "results")
KEYS = ("when", IGNORE, "status", "phase", "phases", *FIELDS, *NESTED)


def compile_format(spec: object) -> Format:
    """Compile a case or a list of cases, as the configuration has it. Raises FormatError with the place."""
    cases = spec if isinstance(spec, list) else [spec]
    if not cases:
        raise FormatError("expected a case, or a list of them")
    several = isinstance(spec, list)
    return Format(tuple(_at(number if several else None, _case, raw) for number, raw in enumerate(cases)))


def _at(step: str | int | None, make: Callable[..., Any], *arguments: Any) -> Any:
    """Add the step to the place of an error."""
    try:
        return make(*arguments)
    except FormatError as error:
        error.path = error.path if step is None else (step, *error.path)
        raise


def _case(raw: object) -> Case:
    if not isinstance(raw, dict):
        raise FormatError("expected the fields of a case, such as run, job and status")
    _refuse_unknown(raw, KEYS)
    conditions = _at("when", _conditions, raw.get("when", {}))
    if IGNORE in raw:
        if raw.keys() - {"when", IGNORE} or not isinstance(raw[IGNORE], str):
            raise FormatError("expected a reason, and no fields beside it but `when`", (IGNORE,))
        return Case(conditions, ignore=raw[IGNORE])
    for needed in ("run", *(() if "phase" in raw else ("status",))):
        if needed not in raw:
            raise FormatError("missing; a case needs it, or `ignore: why`", (needed,))
    return Case(
        conditions,
        status=_at("status", _statuses, raw["status"], STATUSES) if "status" in raw else None,
        phase=_at("phase", _phase, raw["phase"]) if "phase" in raw else None,
        phases=_at("phases", _phases, raw["phases"]) if "phases" in raw else None,
        fields=_fields(raw, FIELDS),
        nested={name: _at(name, _nested, raw[name]) for name in NESTED if name in raw},
    )


def _conditions(raw: object) -> tuple[Condition, ...]:
    if not isinstance(raw, dict):
        raise FormatError("expected a path and what it must be: a word, several, present or absent")
    return tuple(_at(route, _condition, route, accepted) for route, accepted in raw.items())


def _condition(route: str, accepted: object) -> Condition:
    read = value(route)
    if accepted in (PRESENT, ABSENT):
        return lambda roots: (read(roots) is not None) == (accepted == PRESENT)
    words = accepted if isinstance(accepted, list) else [accepted]
    if not words or not all(isinstance(word, str) for word in words):
        raise FormatError("expected a word, several, present or absent")
    matching = table({"of": route, "holds": words})
    return lambda roots: matching(roots) is not None


def _statuses(raw: object, ours: tuple[str, ...]) -> Table:
    if not isinstance(raw, dict) or "of" not in raw:
        raise FormatError("expected a table: {of: path, Completed: their word, …}")
    return table(raw, ours)


def _phase(raw: object) -> Phase:
    if not isinstance(raw, dict) or not {"name", "status"} <= raw.keys():
        raise FormatError("expected name, status and, where they are stated, started, ended, error and link")
    _refuse_unknown(raw, ("status", *OF_PHASES))
    return Phase(_at("status", _statuses, raw["status"], PHASE_STATUSES), _fields(raw, OF_PHASES))


def _phases(raw: object) -> Phase:
    if not isinstance(raw, dict) or not {"of", "name"} <= raw.keys():
        raise FormatError("expected `of`, the path of a list, and the name of each item")
    _refuse_unknown(raw, ("of", "complete", "status", *OF_PHASES))
    status = _at("status", _statuses, raw["status"], PHASE_STATUSES) if "status" in raw else None
    return Phase(status, _fields(raw, OF_PHASES), _at("of", value, raw["of"]), raw.get("complete") in (True, "true"))


def _fields(raw: Mapping[str, Any], names: Mapping[str, Convert]) -> Fields:
    return tuple((name, _at(name, value, raw[name]), convert) for name, convert in names.items() if name in raw)


def _nested(raw: object) -> tuple[tuple[str, Read], ...]:
    if not isinstance(raw, dict) or len(raw) > MAX_ENTRIES:
        raise FormatError(f"expected at most {MAX_ENTRIES} names, each with a path")
    return tuple((str(name), _at(name, value, extracted)) for name, extracted in raw.items())


def _refuse_unknown(raw: Iterable[Any], names: tuple[str, ...]) -> None:
    for key in raw:
        if key not in names:
            raise FormatError(f"unknown key; {suggest(str(key), names)}", (key,))
