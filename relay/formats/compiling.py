"""Compiling of formats as the configuration has them; every fault with its place and what was expected. Pure."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from relay.configfile.validation import suggest
from relay.domain.events import PRIORITIES
from relay.formats.envelopes import ENVELOPES
from relay.formats.faults import FormatError, at
from relay.formats.fields import FIELDS, OF_PHASES, Convert
from relay.formats.mapping import CAUSE_KEYS, IGNORE, PHASE_KEYS, Case, Condition, Fields, Format, Phase
from relay.formats.values import Read, Table, table, value

STATUSES = ("Initiated", "Running", "Completed", "Failed", "Cancelled", "Timeout", IGNORE)
PHASE_STATUSES = ("Pending", "Running", "Completed", "Failed", "Cancelled", IGNORE)
PRESENT, ABSENT = "present", "absent"
HEADER = re.compile(r"""\$header\s*\.\s*["']?([\w.-]+)""")
ENVELOPE = re.compile(r"""\$envelope\s*\.\s*["']?([\w-]+)""")
SECRET_HEADERS = {"authorization", "cookie", "proxy-authorization", "x-api-key", "x-gitlab-token"}
OPENING = ("unwrap", "accept")  # keys that say how the body is opened
ACCEPTED = ("text", "form", "gzip")
MAX_ENTRIES = 20  # labels or results of a run
NESTED = ("labels", "results")
# Beside each other, or the others beside the fields of a single case.
SAMPLES, KEEP_BODIES, CASES = "samples", "keep_bodies", "cases"
KEYS = ("when", "each", IGNORE, "status", "phase", "phases", *FIELDS, *NESTED)


def compile_format(spec: object) -> Format:
    """Compile a format as the configuration has it. Raises FormatError with the place."""
    beside = spec if isinstance(spec, dict) else {}
    unwrap, accept = (
        at(key, _some, beside.get(key, []), names) for key, names in (("unwrap", ENVELOPES), ("accept", ACCEPTED))
    )
    cases: list[Case] = []
    for place, raw in _placed(spec):
        try:
            cases.append(replace(_case(raw, [case.spec for case in cases]), spec=raw, place=place))
        except FormatError as error:
            error.path = (*place, *error.path)
            raise
    texts = {"text"} if "sns" in unwrap else set()  # as which it sends JSON
    keep_bodies = _flag(spec, KEEP_BODIES, "true") if isinstance(spec, dict) else True
    return Format(tuple(cases), _headers(repr(spec), unwrap), unwrap, frozenset({*accept, *texts}), keep_bodies)


def _some(raw: object, names: Collection[str]) -> tuple[str, ...]:
    words = raw if isinstance(raw, list) else [raw]
    for word in words:
        if f"{word}" not in names:
            raise FormatError(f"unknown word {word}; {suggest(str(word), names)}")
    return tuple(words)


def _headers(written: str, unwrap: tuple[str, ...]) -> frozenset[str]:
    headers = frozenset(name.lower() for name in HEADER.findall(written))
    if secret := headers & SECRET_HEADERS:
        raise FormatError(f"{', '.join(sorted(secret))} is a secret, and would be kept with what is refused")
    if "cloudevents" not in unwrap:
        return headers
    return headers | {"ce-specversion", *(f"ce-{name.lower()}" for name in ENVELOPE.findall(written))}


def _placed(spec: object) -> list[tuple[tuple[str | int, ...], Any]]:
    """Return the cases with their places: of a case, a list of them, or {cases: …}, without the keys beside them."""
    place: tuple[str | int, ...] = ()
    if isinstance(spec, dict):
        if SAMPLES in spec and (not isinstance(spec[SAMPLES], str) or not spec[SAMPLES].strip()):
            raise FormatError("expected a file with a document of the sender, or a folder of such files", (SAMPLES,))
        spec = {key: row for key, row in spec.items() if key not in (SAMPLES, KEEP_BODIES, *OPENING)}
    if isinstance(spec, dict) and CASES in spec:
        _refuse_unknown(spec, (CASES,))
        spec, place = spec[CASES], (CASES,)
    if spec == []:
        raise FormatError("expected a case, or a list of them", place)
    return [((*place, number), raw) for number, raw in enumerate(spec)] if isinstance(spec, list) else [(place, spec)]


def _case(raw: object, earlier: Sequence[Mapping[str, Any]]) -> Case:
    if not isinstance(raw, dict):
        raise FormatError("expected the fields of a case, such as run, job and status")
    _refuse_unknown(raw, KEYS)
    conditions = at("when", _conditions, raw.get("when", {}))
    each = at("each", value, raw["each"]) if "each" in raw else None
    for number, case in enumerate(earlier, start=1):
        about_it = case.get("each") in (None, raw.get("each"))
        if about_it and case.get("when", {}).items() <= raw.get("when", {}).items():
            raise FormatError(
                f"never reached: case {number} holds wherever this one does; let it stand behind this one"
            )
    if IGNORE in raw:
        if raw.keys() - {"when", "each", IGNORE} or not isinstance(raw[IGNORE], str) or not raw[IGNORE].strip():
            raise FormatError("expected a reason, and no fields beside it but `when` and `each`", (IGNORE,))
        return Case(conditions, ignore=raw[IGNORE], each=each)
    for needed in ("run", *(() if "phase" in raw else ("status",))):
        if needed not in raw:
            raise FormatError("missing; a case needs it, or `ignore: why`", (needed,))
    at("priority", _check_priority, raw.get("priority"))
    fields = _fields(raw, FIELDS)
    return Case(
        conditions,
        status=at("status", _statuses, raw["status"], STATUSES) if "status" in raw else None,
        phase=at("phase", _phase, raw["phase"]) if "phase" in raw else None,
        phases=at("phases", _phases, raw["phases"]) if "phases" in raw else None,
        each=each,
        fields=tuple(field for field in fields if field[0] not in CAUSE_KEYS),
        causes=tuple(field for field in fields if field[0] in CAUSE_KEYS),
        nested={name: at(name, _nested, raw[name]) for name in NESTED if name in raw},
    )


def _check_priority(raw: object) -> None:
    """Refuse words that are no priority, in a table or fixed, also of a list of values."""
    for number, term in enumerate(raw if isinstance(raw, list) else ()):
        at(number, _check_priority, term)
    if isinstance(raw, dict) and "of" in raw:
        table(raw, PRIORITIES)
    elif isinstance(raw, dict) and f"{raw.get('text', PRIORITIES[0])}".title() not in PRIORITIES:
        raise FormatError(f"unknown word {raw['text']}; {suggest(str(raw['text']), PRIORITIES)}", ("text",))


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
    return Phase(at("status", _statuses, raw["status"], PHASE_STATUSES), _of_phase(raw))


def _phases(raw: object) -> Phase:
    if not isinstance(raw, dict) or not {"of", "name"} <= raw.keys():
        raise FormatError("expected `of`, the path of a list, and the name of each item")
    _refuse_unknown(raw, ("of", "complete", "status", *OF_PHASES))
    status = at("status", _statuses, raw["status"], PHASE_STATUSES) if "status" in raw else None
    complete = _flag(raw, "complete", "false")
    if complete and status is None:
        raise FormatError("true needs a `status` beside it", ("complete",))
    return Phase(status, _of_phase(raw), at("of", value, raw["of"]), complete)


def _flag(raw: Mapping[str, Any], name: str, default: str) -> bool:
    word = f"{raw.get(name, default)}".lower()
    if word not in ("true", "false"):
        raise FormatError("expected true or false", (name,))
    return word == "true"


def _fields(raw: Mapping[str, Any], names: Mapping[str, Convert]) -> Fields:
    return tuple((name, at(name, value, raw[name]), convert) for name, convert in names.items() if name in raw)


def _of_phase(raw: Mapping[str, Any]) -> Fields:
    return tuple((PHASE_KEYS[name], read, convert) for name, read, convert in _fields(raw, OF_PHASES))


def _nested(raw: object) -> tuple[tuple[str, Read], ...]:
    if not isinstance(raw, dict) or len(raw) > MAX_ENTRIES:
        raise FormatError(f"expected at most {MAX_ENTRIES} names, each with a path")
    return tuple((str(name), at(name, value, extracted)) for name, extracted in raw.items())


def _refuse_unknown(raw: Iterable[Any], names: tuple[str, ...]) -> None:
    for key in raw:
        if key not in names:
            raise FormatError(f"unknown key; {suggest(str(key), names)}", (key,))
