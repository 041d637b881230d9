"""Compiling of formats as the configuration has them; every fault with its place and what was expected. Pure."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from relay.configfile.words import suggest
from relay.domain.events import PRIORITIES
from relay.domain.links import HOST
from relay.formats.cases import IGNORE, PENDING, SKIPPED, WAITING, Case, Condition, Part, Phase, Place
from relay.formats.envelopes import ENVELOPES
from relay.formats.faults import FormatError, at
from relay.formats.fields import FIELDS, NESTED, OF_PHASES, Field, scalar
from relay.formats.mapping import Format
from relay.formats.paths import Roots
from relay.formats.values import Table, Value, table, value

STATUSES = ("Initiated", "Running", "Completed", "Failed", "Cancelled", "Timeout", SKIPPED, IGNORE)
PHASE_STATUSES = (PENDING, WAITING, "Running", "Completed", "Failed", "Cancelled", IGNORE)
PRESENT, ABSENT = "present", "absent"
SECRET_HEADERS = {"authorization", "cookie", "proxy-authorization", "x-api-key", "x-gitlab-token"}
OPENING = ("unwrap", "accept")  # keys that say how the body is opened
ACCEPTED = ("text", "form", "gzip")
MAX_ENTRIES = 20  # labels or results of a run
# Beside each other, or the others beside the fields of a single case.
KEEP_BODIES, LINK_HOSTS, CASES = "keep_bodies", "link_hosts", "cases"
KEYS = ("when", "each", IGNORE, "status", "phase", "phases", *FIELDS, *NESTED)


def compile_format(spec: object) -> Format:
    """Compile a format as the configuration has it. Raises FormatError with the place."""
    beside = spec if isinstance(spec, dict) else {}
    unwrap, accept, hosts = (
        at(key, _some, beside.get(key, []), allowed)
        for key, allowed in (("unwrap", ENVELOPES), ("accept", ACCEPTED), (LINK_HOSTS, None))
    )
    cases: list[Case] = []
    earlier: list[Mapping[str, Any]] = []
    for keys, raw in _placed(spec):
        try:
            cases.append(_case(raw, earlier, keys))
        except FormatError as error:
            error.path = (*keys, *error.path)
            raise
        earlier.append(raw)
    texts = {"text"} if "sns" in unwrap else set()  # as which it sends JSON
    keep_bodies = _flag(beside, KEEP_BODIES, "true")
    return Format(tuple(cases), _headers(cases, unwrap), unwrap, frozenset({*accept, *texts}), keep_bodies, hosts)


def _headers(cases: Iterable[Case], unwrap: tuple[str, ...]) -> frozenset[str]:
    read = [used for case in cases for used in _values(case)]
    headers = frozenset(name for used in read for name in used.names("$header"))
    if secret := headers & SECRET_HEADERS:
        raise FormatError(f"{', '.join(sorted(secret))} is a secret, and would be kept with what is refused")
    if "cloudevents" not in unwrap:
        return headers
    return headers | {"ce-specversion", *(f"ce-{name.lower()}" for used in read for name in used.names("$envelope"))}


def _values(case: Case) -> Iterator[Value]:
    yield from (condition.value for condition in case.conditions)
    yield from (part.value for part in case.shown)
    if case.each:
        yield case.each


def _some(raw: object, allowed: Collection[str] | None) -> tuple[str, ...]:
    """Return a word or several of these; without these, hosts."""
    words = raw if isinstance(raw, list) else [raw]
    for word in words:
        if allowed is None and not (isinstance(word, str) and re.fullmatch(HOST, word)):
            raise FormatError(f"{word} is no host; expected such as ci.example.com")
        if allowed is not None and f"{word}" not in allowed:
            raise FormatError(f"unknown word {word}; {suggest(str(word), allowed)}")
    return tuple(words)


def _placed(spec: object) -> list[tuple[Place, Any]]:
    """Return the cases with their places: of a case, a list of them, or {cases: …}, without the keys beside them."""
    place: Place = ()
    if isinstance(spec, dict):
        if "samples" in spec:
            raise FormatError("removed; `relay format try` shows what the format makes of a document", ("samples",))
        spec = {key: row for key, row in spec.items() if key not in (KEEP_BODIES, LINK_HOSTS, *OPENING)}
    if isinstance(spec, dict) and CASES in spec:
        _refuse_unknown(spec, (CASES,))
        spec, place = spec[CASES], (CASES,)
    if spec == []:
        raise FormatError("expected a case, or a list of them", place)
    return [((*place, number), raw) for number, raw in enumerate(spec)] if isinstance(spec, list) else [(place, spec)]


def _case(raw: object, earlier: Iterable[Mapping[str, Any]], place: Place) -> Case:
    if not isinstance(raw, dict):
        raise FormatError("expected the fields of a case, such as run, job and status")
    _refuse_unknown(raw, KEYS)
    conditions = at("when", _conditions, raw.get("when", {}))
    items = at("each", value, raw["each"]) if "each" in raw else None
    for number, case in enumerate(earlier, start=1):
        about_it = case.get("each") in (None, raw.get("each"))
        if about_it and case.get("when", {}).items() <= raw.get("when", {}).items():
            raise FormatError(
                f"never reached: case {number} holds wherever this one does; let it stand behind this one"
            )
    if IGNORE in raw:
        if raw.keys() - {"when", "each", IGNORE} or not isinstance(raw[IGNORE], str) or not raw[IGNORE].strip():
            raise FormatError("expected a reason, and no fields beside it but `when` and `each`", (IGNORE,))
        return Case(place, conditions, ignore=raw[IGNORE], each=items)
    for needed in ("run", *(() if "phase" in raw else ("status",))):
        if needed not in raw:
            raise FormatError("missing; a case needs it, or `ignore: why`", (needed,))
    at("priority", _check_priority, raw.get("priority"))
    fields = _fields(raw, FIELDS) + tuple(
        part for key in NESTED if key in raw for part in at(key, _entries, key, raw[key])
    )
    status = at("status", _statuses, raw["status"], STATUSES) if "status" in raw else None
    phase, phases = (at(key, make, raw[key]) if key in raw else None for key, make in PHASES.items())
    return Case(place, conditions, fields, status=status, phase=phase, phases=phases, each=items)


def _flag(raw: Mapping[str, Any], name: str, default: str) -> bool:
    word = f"{raw.get(name, default)}".lower()
    if word not in ("true", "false"):
        raise FormatError("expected true or false", (name,))
    return word == "true"


def _fields(raw: Mapping[str, Any], fields: Mapping[str, Field]) -> tuple[Part, ...]:
    return tuple(
        Part((name,), at(name, partial(value, link=name == "link"), raw[name]), field)
        for name, field in fields.items() if name in raw
    )  # fmt: skip


def _entries(key: str, raw: object) -> list[Part]:
    if not isinstance(raw, dict) or len(raw) > MAX_ENTRIES:
        raise FormatError(f"expected at most {MAX_ENTRIES} names, each with a path")
    return [Part((key, name), at(name, value, spec), Field((*NESTED[key], name), scalar)) for name, spec in raw.items()]


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
    compiled = value(route)
    if accepted in (PRESENT, ABSENT):
        holds: Callable[[Roots], bool] = lambda roots: (compiled.read(roots) is not None) == (accepted == PRESENT)  # noqa: E731
        return Condition(route, (f"{accepted}",), compiled, holds)
    words = accepted if isinstance(accepted, list) else [accepted]
    if not words or not all(isinstance(word, str) for word in words):
        raise FormatError("expected a word, several, present or absent")
    try:
        matching = table({"of": route, "holds": words})
    except FormatError as error:
        error.path = ()
        raise
    return Condition(route, tuple(map(str, words)), compiled, lambda roots: matching(roots) is not None)


def _statuses(raw: object, ours: tuple[str, ...]) -> Table:
    if not isinstance(raw, dict) or "of" not in raw:
        raise FormatError("expected a table: {of: path, Completed: their word, …}")
    return table(raw, ours)


def _phase(raw: object) -> Phase:
    if not isinstance(raw, dict) or not {"name", "status"} <= raw.keys():
        raise FormatError("expected name, status and, where they are stated, started, ended, error and link")
    _refuse_unknown(raw, ("status", *OF_PHASES))
    return Phase(_fields(raw, OF_PHASES), at("status", _statuses, raw["status"], PHASE_STATUSES))


def _phases(raw: object) -> Phase:
    if not isinstance(raw, dict) or not {"of", "name"} <= raw.keys():
        raise FormatError("expected `of`, the path of a list, and the name of each item")
    _refuse_unknown(raw, ("of", "complete", "status", *OF_PHASES))
    status = at("status", _statuses, raw["status"], PHASE_STATUSES) if "status" in raw else None
    complete = _flag(raw, "complete", "false")
    if complete and status is None:
        raise FormatError("true needs a `status` beside it", ("complete",))
    return Phase(_fields(raw, OF_PHASES), status, at("of", value, raw["of"]), complete)


PHASES = {"phase": _phase, "phases": _phases}


def _refuse_unknown(raw: Iterable[Any], names: tuple[str, ...]) -> None:
    for key in raw:
        if key not in names:
            raise FormatError(f"unknown key; {suggest(str(key), names)}", (key,))
