"""Checking of a format against samples of its sender's documents: what it finds in none, or does not know. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from relay.configfile.validation import nearest
from relay.formats.compiling import ABSENT, NESTED, PRESENT
from relay.formats.fields import FIELDS, OF_PHASES, Convert, plain
from relay.formats.leaves import meant
from relay.formats.mapping import Case, Format
from relay.formats.values import BODY, MAX_ITEMS, TEMPLATE, Roots, Table, names_in, text_of, value, word_of

Place = tuple[str | int, ...]
NEEDED = {("run",), ("status",), ("phase", "name"), ("phase", "status"), ("phases", "of"), ("phases", "name")}
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


def findings(form: Format, samples: Sequence[Sample]) -> Iterator[Finding]:
    """Yield what the samples show to be wrong."""
    reached: dict[int, list[Sample]] = {}
    for sample in samples:
        for number, roots in form.parts(sample.roots, lambda number, roots: (number, _copied(roots)))[0]:
            reached.setdefault(number - 1, []).append(Sample(sample.name, roots))
    ignored = reached.get(-1, [])
    for sample in ignored:
        yield Finding((), f"no case is about {sample.name}, so it is ignored", certain=False)
    for number, case in enumerate(form.cases):
        found = _of_case(case, reached[number]) if number in reached else _of_conditions(case, ignored)
        yield from (finding._replace(place=(*case.place, *finding.place)) for finding in found)


def _of_conditions(case: Case, ignored: Sequence[Sample]) -> Iterator[Finding]:
    """Say that no sample reaches a case, or which condition those that no case is about would nearly meet."""
    nearly, each = [], case.spec.get("each")
    if isinstance(each, str) and (near := _near(each, ignored)):
        nearly.append(Finding(("each",), _message(each, near)))
    for route, accepted in case.spec.get("when", {}).items():
        near, wanted, read = _near(route, ignored), [accepted] if isinstance(accepted, str) else accepted, value(route)
        there = {word for sample in ignored if (word := word_of(read(sample.roots)))}
        if near and accepted != ABSENT:
            nearly.append(Finding(("when", route), _message(route, near)))
        elif accepted not in (ABSENT, PRESENT) and there.isdisjoint(map(str.lower, wanted)):
            words = [word for term in wanted if (word := nearest(term, there))]
            nearly += [Finding(("when", route), _message(" or ".join(wanted), word)) for word in words[:1]]
    yield from nearly or [Finding((), "no sample reaches this case", certain=False)]


def _of_case(case: Case, samples: Sequence[Sample]) -> Iterator[Finding]:
    found = [finding for part in values_of(case, samples) for finding in _of_value(*part)]
    yield from found
    for sample in samples:
        missing = case.read(sample.roots, 0).missing.split(".")[0]
        if missing and not any(finding.place[0] == missing for finding in found):
            yield Finding((missing,), f"finds nothing in {sample.name}: refused (422), unless a `when` leaves it out")


def values_of(case: Case, samples: Sequence[Sample]) -> Iterator[tuple[Place, Any, Convert | None, Sequence[Sample]]]:
    """Yield the values of a case: where each is, how it is read and what its paths are to be found in."""
    for name, spec in case.spec.items():
        if name in FIELDS or name == "status":
            yield (name,), spec, FIELDS.get(name), samples
        elif name in NESTED:
            yield from (((name, key), extracted, plain, samples) for key, extracted in spec.items())
        elif name in ("phase", "phases"):
            within = samples
            if case.phases and name == "phases":
                yield (name, "of"), spec["of"], None, samples
                lists = [(sample, case.phases.of(sample.roots)) for sample in samples if case.phases.of]
                within = [
                    Sample(name, {**roots, BODY: item})
                    for (name, roots), items in lists if type(items) is list for item in items[:MAX_ITEMS]
                ]  # fmt: skip
            for key in [key for key in spec if key in OF_PHASES or key == "status"] if within else ():
                yield (name, key), spec[key], OF_PHASES.get(key), within


def _of_value(place: Place, spec: Any, convert: Convert | None, samples: Sequence[Sample]) -> Iterator[Finding]:
    read = value(spec)
    if isinstance(read, Table) and place[-1] == "status":
        unknown = {word: sample for sample in reversed(samples) if (word := read.unknown(sample.roots))}
        said = [f'"{word[:SHOWN]}" stands in {sample.name} and in no row' for word, sample in unknown.items()]
        rows = [row for word in unknown if (row := nearest(word, read.words))]
        if said:  # in one: of several about a place the first alone is shown
            hint = f'; did you mean it where "{rows[0]}" stands?' if rows and len(said) == 1 else ""
            yield Finding(place, f"{', '.join(said)}{hint}")
        read = read.of
    there = [(sample, found) for sample in samples if _says(found := read(sample.roots))]
    for route in _paths(spec):
        if (near := _near(route, samples)) or (near == "" and not there):
            yield Finding(place, _message(route, near), certain=place in NEEDED and not there)
    if there and convert and not any(convert(found) is not None for _, found in there):
        sample, found = there[0]
        members = f"an object with {', '.join(found)}" if isinstance(found, dict) else f"{found!r}"
        yield Finding(place, f"{sample.name} has {members[:SHOWN]} there, which does not fit", certain=False)


def _paths(spec: object) -> list[str]:
    if isinstance(spec, list):
        return [route for term in spec for route in _paths(term)]
    if isinstance(spec, dict):
        return _paths(spec.get("of", []))
    text = f"{spec}"
    return [route.partition("|")[0].strip() for route in (TEMPLATE.findall(text) if "{" in text else [text])]


def _copied(roots: Roots) -> Roots:
    return {name: {**root} if isinstance(root, dict) else root for name, root in roots.items()}


def _says(found: Any) -> bool:
    return found is not None and (type(found) is not str or text_of(found) is not None)


def _near(route: str, samples: Iterable[Sample]) -> str | None:
    """Return the path that was meant by one that no sample has, '' if none is near; None for one that one has."""
    root, names = names_in(route)
    found = [meant(sample.roots[root], names) for sample in samples] if root in (BODY, "$header") else [names]
    near = next(filter(None, found), ())
    return None if names in found else ".".join(near if root == BODY else (root, *near)) if near else ""


def _message(wanted: str, near: str) -> str:
    return f"no sample has {wanted}{f'; did you mean {near}?' if near else ''}"
