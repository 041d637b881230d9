"""Compiling of formats as the configuration has them; every fault with its place and what was expected. Pure."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from relay.configfile.validation import suggest
from relay.domain.events import PRIORITIES
from relay.formats.envelopes import ENVELOPES
from relay.formats.faults import FormatError, at
from relay.formats.fields import FIELDS, OF_PHASES, Convert
from relay.formats.mapping import IGNORE, Case, Condition, Fields, Format, Phase
from relay.formats.values import Read, Table, table, value

STATUSES = ("Initiated", "Running", "Completed", "Failed", "Cancelled", "Timeout", IGNORE)
PHASE_STATUSES = ("Pending", "Running", "Completed", "Failed", "Cancelled", IGNORE)
PRESENT, ABSENT = "present", "absent"
HEADER = re.compile(r"""\$header\s*\.\s*["']?([\w.-]+)""")
ENVELOPE = re.compile(r"""\$envelope\s*\.\s*["']?([\w-]+)""")
OPENING = ("unwrap", "accept")  # keys that say how the body is opened
ACCEPTED = ("text", "form", "gzip")
MAX_ENTRIES = 20  # labels or results of a run
NESTED = ("labels", "results")
KEYS = ("when", IGNORE, "status", "phase", "phases", *FIELDS, *NESTED)


def compile_format(spec: object) -> Format:
    """Compile a case or a list of cases, as the configuration has it. Raises FormatError with the place.

    How the body is opened is said beside a lone case, and before several as their first item.
    """
    cases = spec if isinstance(spec, list) else [spec]
    several = isinstance(spec, list)
    opening: dict[str, Any] = {}
    if cases and isinstance(cases[0], dict) and (opening := {key: cases[0][key] for key in OPENING if key in cases[0]}):
        rest = {key: read for key, read in cases[0].items() if key not in OPENING}
        cases = [rest, *cases[1:]] if rest else cases[1:]
    if not cases:
        raise FormatError("expected a case, or a list of them")
    place, first = (0 if several else None), len(spec) - len(cases) if isinstance(spec, list) else 0
    unwrap = at(place, at, "unwrap", _some, opening.get("unwrap", []), tuple(ENVELOPES))
    accept = at(place, at, "accept", _some, opening.get("accept", []), ACCEPTED)
    if "sns" in unwrap:  # which sends JSON as text
        accept = (*accept, "text")
    compiled = tuple(at(number if several else None, _case, raw) for number, raw in enumerate(cases, start=first))
    return Format(compiled, _headers(repr(spec), unwrap), unwrap, frozenset(accept))


def _some(raw: object, names: tuple[str, ...]) -> tuple[str, ...]:
    words = raw if isinstance(raw, list) else [raw]
    for word in words:
        if word not in names:
            raise FormatError(f"unknown word {word}; {suggest(str(word), names)}")
    return tuple(words)


def _headers(written: str, unwrap: tuple[str, ...]) -> frozenset[str]:
    headers = frozenset(name.lower() for name in HEADER.findall(written))
    if secret := headers & {"authorization", "cookie"}:
        raise FormatError(f"{', '.join(secret)} is a secret, and would be kept with what is refused")
    if "cloudevents" not in unwrap:
        return headers
    return headers | {"ce-specversion", *(f"ce-{name.lower()}" for name in ENVELOPE.findall(written))}


def _case(raw: object) -> Case:
    if not isinstance(raw, dict):
        raise FormatError("expected the fields of a case, such as run, job and status")
    _refuse_unknown(raw, KEYS)
    conditions = at("when", _conditions, raw.get("when", {}))
    if IGNORE in raw:
        if raw.keys() - {"when", IGNORE} or not isinstance(raw[IGNORE], str) or not raw[IGNORE].strip():
            raise FormatError("expected a reason, and no fields beside it but `when`", (IGNORE,))
        return Case(conditions, ignore=raw[IGNORE])
    for needed in ("run", *(() if "phase" in raw else ("status",))):
        if needed not in raw:
            raise FormatError("missing; a case needs it, or `ignore: why`", (needed,))
    priority = raw.get("priority")
    if isinstance(priority, dict) and "of" in priority:
        at("priority", table, priority, PRIORITIES)
    return Case(
        conditions,
        status=at("status", _statuses, raw["status"], STATUSES) if "status" in raw else None,
        phase=at("phase", _phase, raw["phase"]) if "phase" in raw else None,
        phases=at("phases", _phases, raw["phases"]) if "phases" in raw else None,
        fields=_fields(raw, FIELDS),
        nested={name: at(name, _nested, raw[name]) for name in NESTED if name in raw},
    )


def _conditions(raw: object) -> tuple[Condition, ...]:
    if not isinstance(raw, dict):
        raise FormatError("expected a path and what it must be: a word, several, present or absent")
    return tuple(at(route, _condition, route, accepted) for route, accepted in raw.items())


def _condition(route: str, accepted: object) -> Condition:
    read = value(route)
    if accepted in (PRESENT, ABSENT):
        return lambda roots: (read(roots) is not None) == (accepted == PRESENT)
    words = accepted if isinstance(accepted, list) else [accepted]
    if not words or not all(isinstance(word, str) for word in words):
        raise FormatError("expected a word, several, present or absent")
    try:
        matching = table({"of": route, "holds": words})
    except FormatError as error:
        error.path = ()
        raise
    return lambda roots: matching(roots) is not None


def _statuses(raw: object, ours: tuple[str, ...]) -> Table:
    if not isinstance(raw, dict) or "of" not in raw:
        raise FormatError("expected a table: {of: path, Completed: their word, …}")
    return table(raw, ours)


def _phase(raw: object) -> Phase:
    if not isinstance(raw, dict) or not {"name", "status"} <= raw.keys():
        raise FormatError("expected name, status and, where they are stated, started, ended, error and link")
    _refuse_unknown(raw, ("status", *OF_PHASES))
    return Phase(at("status", _statuses, raw["status"], PHASE_STATUSES), _fields(raw, OF_PHASES))


def _phases(raw: object) -> Phase:
    if not isinstance(raw, dict) or not {"of", "name"} <= raw.keys():
        raise FormatError("expected `of`, the path of a list, and the name of each item")
    _refuse_unknown(raw, ("of", "complete", "status", *OF_PHASES))
    status = at("status", _statuses, raw["status"], PHASE_STATUSES) if "status" in raw else None
    complete = f"{raw.get('complete', 'false')}".lower()
    if complete not in ("true", "false") or (complete == "true" and status is None):
        raise FormatError("expected true or false, and for true a `status` beside it", ("complete",))
    return Phase(status, _fields(raw, OF_PHASES), at("of", value, raw["of"]), complete == "true")


def _fields(raw: Mapping[str, Any], names: Mapping[str, Convert]) -> Fields:
    return tuple((name, at(name, value, raw[name]), convert) for name, convert in names.items() if name in raw)


def _nested(raw: object) -> tuple[tuple[str, Read], ...]:
    if not isinstance(raw, dict) or len(raw) > MAX_ENTRIES:
        raise FormatError(f"expected at most {MAX_ENTRIES} names, each with a path")
    return tuple((str(name), at(name, value, extracted)) for name, extracted in raw.items())


def _refuse_unknown(raw: Iterable[Any], names: tuple[str, ...]) -> None:
    for key in raw:
        if key not in names:
            raise FormatError(f"unknown key; {suggest(str(key), names)}", (key,))
