"""Paths of a document: all that lead to a value, and the one that was meant by a path that leads nowhere. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from itertools import islice
from typing import Any

from relay.formats.paths import Step, first_with, step_of

MOST = 1000  # leaves of a document that are looked at
DEEPEST = 8
BEYOND = frozenset('"{}|&=[]$')  # signs that a name in a path cannot have as it is


def _leaves(value: Any, names: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the paths to texts, numbers and nulls; of lists those in the first item."""
    if type(value) is dict and len(names) < DEEPEST:
        for name, member in value.items():
            if name.isprintable() and name and not BEYOND.intersection(name):
                yield from _leaves(member, (*names, f'"{name}"' if "." in name or name != name.strip() else name))
    elif type(value) is list and value and len(names) < DEEPEST:
        yield from _leaves(value[0], (*names, "0"))
    elif names and type(value) not in (dict, list):
        yield names


def meant(document: Any, names: Sequence[str]) -> Sequence[str]:
    """Return the path that was probably meant: this one, if it leads somewhere, even to null; none if none is near."""
    near = _corrected(document, names)
    if near == names:
        return near
    paths = [*islice(_leaves(document), MOST)]
    alike = [path for path in paths if _letters(path) == _letters(names)]  # batch_no for batch.no
    return min(alike, default=()) or near or min((path for path in paths if path[-1] == names[-1]), default=())


def _letters(names: Iterable[str]) -> str:
    """Return the letters and digits of the names, in small letters."""
    return "".join(sign for name in names for sign in name.casefold() if sign.isalnum())


def _members(value: Any, step: Step) -> list[Any]:
    """Return what a step leads to, in a list of one."""
    if type(value) is dict and not isinstance(step, tuple):
        return [value[str(step)]] if str(step) in value else []
    if type(value) is list and type(step) is int:
        return value[step:][:1] if -len(value) <= step else []
    item = first_with(value, step) if type(value) is list and isinstance(step, tuple) else None
    return [] if item is None else [item]


def _corrected(value: Any, names: Sequence[str]) -> list[str] | None:
    """Return the names, with near ones for those that lead nowhere; None if there is no way."""
    if not names or type(value) not in (dict, list, type(None)):
        return []  # a text has no members: the path ended before
    name, member = names[0], _members(value, step_of(names[0]))
    if not member and type(value) is list:
        names, name, member = ["0", *names], "0", value[:1]
    elif not member and type(value) is dict:
        folded = {each.casefold(): each for each in value}
        cutoff = 0.5 if len(name) <= 3 else 0.7  # most of a short name may differ
        name = next((folded[near] for near in get_close_matches(name.strip('"').casefold(), folded, 1, cutoff)), "")
        member = [value[name]] if name else []
    right = _corrected(member[0], names[1:]) if member else None
    return None if right is None else [name, *right]
