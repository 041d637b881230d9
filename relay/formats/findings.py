"""Checking of a format against samples of its sender's documents: what it finds in none, or does not know. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from relay.configfile.words import nearest
from relay.domain.events import FAILED, TERMINAL
from relay.formats.cases import Case, Part, Place
from relay.formats.compiling import ABSENT, PRESENT
from relay.formats.leaves import meant
from relay.formats.mapping import Format
from relay.formats.paths import BODY, MAX_ITEMS, Roots, names_in, word_of
from relay.formats.values import Table, says

NEEDED = {("run",), ("status",), ("phase", "name"), ("phase", "status"), ("phases", "of"), ("phases", "name")}
TELL_APART = {("attempt",), ("started",), ("ended",), ("at",)}  # fields by which runs of one id differ
SHOWN = 40  # characters of a value


class Sample(NamedTuple):
    """A document, or an item of a list in it, as paths see it."""

    name: str
    roots: Roots


class Finding(NamedTuple):
    """A fault of a format. One that is not `certain` may be due to a missing sample: a success has no error."""

    place: Place
    message: str
    certain: bool = True


def indistinct_runs(form: Format) -> Iterator[Finding]:
    """Yield the cases that state nothing by which two runs of one id differ."""
    for case in form.cases:
        run = next((part.value for part in case.parts if part.place == ("run",)), None)
        if case.status and run and len(run.paths) == 1 and TELL_APART.isdisjoint(part.place for part in case.parts):
            text = 'nothing tells runs of one id apart, so a second failure is a repetition; add at, or "{id}/{start}"'
            yield Finding((*case.place, "run"), text, certain=False)


def findings(form: Format, samples: Sequence[Sample]) -> Iterator[Finding]:
    """Yield what the samples show to be wrong."""
    reached: dict[int, list[Sample]] = {}
    for sample in samples:
        for number, roots in form.walk(sample.roots, lambda number, roots: (number, _copied(roots)))[0]:
            reached.setdefault(number - 1, []).append(Sample(sample.name, roots))
    ignored = reached.get(-1, [])
    for sample in ignored:
        yield Finding((), f"no case is about {sample.name}, so it is ignored", certain=False)
    statuses = {case.status(sample.roots) for number, case in enumerate(form.cases) if case.status
                for sample in reached.get(number, ())}  # fmt: skip
    missing = [ends for ends, words in (("ends", TERMINAL), ("failed", FAILED)) if statuses.isdisjoint(words)]
    if missing and statuses and None not in statuses:  # else a word that no row has is said below
        yield Finding((), f"no sample is of a run that {missing[0]}; add one", certain=False)
    for number, case in enumerate(form.cases):
        found = _of_case(case, reached[number]) if number in reached else _of_conditions(case, ignored)
        yield from (finding._replace(place=(*case.place, *finding.place)) for finding in found)


def _of_conditions(case: Case, ignored: Sequence[Sample]) -> Iterator[Finding]:
    """Say that no sample reaches a case, or which condition those that no case is about would nearly meet."""
    of_each = [
        _message(path, near) for path in (case.each.paths if case.each else ()) if (near := _near(path, ignored))
    ]
    nearly = [Finding(("each",), message) for message in of_each]
    for route, wanted, value, _ in case.conditions:
        near = next(filter(None, (_near(path, ignored) for path in value.paths)), None)
        there = {word for sample in ignored if (word := word_of(value.read(sample.roots)))}
        if near and wanted != (ABSENT,):
            nearly.append(Finding(("when", route), _message(route, near)))
        elif wanted not in ((ABSENT,), (PRESENT,)) and there.isdisjoint(map(str.lower, wanted)):
            words = [word for term in wanted if (word := nearest(term, there))]
            nearly += [Finding(("when", route), _message(" or ".join(wanted), word)) for word in words[:1]]
    yield from nearly or [Finding((), "no sample reaches this case", certain=False)]


def _of_case(case: Case, samples: Sequence[Sample]) -> Iterator[Finding]:
    found = [finding for there in within(case, samples) for finding in _of_part(*there)]
    yield from found
    for sample in samples:
        missing = case.read(sample.roots, 0).missing.split(".")[0]
        if missing and not any(finding.place[0] == missing for finding in found):
            yield Finding((missing,), f"finds nothing in {sample.name}: refused (422), unless a `when` leaves it out")


def within(case: Case, samples: Sequence[Sample]) -> Iterator[tuple[Part, Sequence[Sample]]]:
    """Yield the values of a case, each with what its paths are to be found in; of phases where there is an item."""
    items = [
        Sample(name, {**roots, BODY: item})
        for name, roots in samples if case.phases and case.phases.of
        if type(items := case.phases.of.read(roots)) is list for item in items[:MAX_ITEMS]
    ]  # fmt: skip
    for part in case.shown:
        there = items if part.place[0] == "phases" and part.place[1] != "of" else samples
        if there:
            yield part, there


def _of_part(part: Part, samples: Sequence[Sample]) -> Iterator[Finding]:
    place, value, field = part
    if isinstance(value.read, Table) and place[-1] == "status":
        unknown = {word: sample for sample in reversed(samples) if (word := value.read.unknown(sample.roots))}
        said = [f'"{word[:SHOWN]}" stands in {sample.name} and in no row' for word, sample in unknown.items()]
        rows = [row for word in unknown if (row := nearest(word, value.read.words))]
        if said:  # in one: of several about a place the first alone is shown
            hint = f'; did you mean it where "{rows[0]}" stands?' if rows and len(said) == 1 else ""
            yield Finding(place, f"{', '.join(said)}{hint}")
        value = value.read.of
    there = [(sample, found) for sample in samples if says(found := value.read(sample.roots))]
    for route in value.paths:
        if (near := _near(route, samples)) or (near == "" and not there):
            yield Finding(place, _message(route, near), certain=place in NEEDED and not there)
    if there and field and not any(field.convert(found) is not None for _, found in there):
        sample, found = there[0]
        members = f"an object with {', '.join(found)}" if isinstance(found, dict) else f"{found!r}"
        yield Finding(place, f"{sample.name} has {members[:SHOWN]} there, which does not fit", certain=False)


def _copied(roots: Roots) -> Roots:
    return {name: {**root} if isinstance(root, dict) else root for name, root in roots.items()}


def _near(route: str, samples: Iterable[Sample]) -> str | None:
    """Return the path that was meant by one that no sample has, '' if none is near; None for one that one has."""
    root, names = names_in(route)
    found = [meant(sample.roots[root], names) for sample in samples] if root in (BODY, "$header") else [names]
    near = next(filter(None, found), ())
    return None if names in found else ".".join(near if root == BODY else (root, *near)) if near else ""


def _message(wanted: str, near: str) -> str:
    return f"no sample has {wanted}{f'; did you mean {near}?' if near else ''}"
