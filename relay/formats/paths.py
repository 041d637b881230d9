"""Paths into a foreign document, with their converters. Compiled once. Pure.

Reading never raises: what a path does not lead to, or what is of another kind, says nothing, which is None. A path
has a bounded number of steps, a list a bounded number of items, and nothing of a document becomes a program.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from relay.configfile.words import suggest
from relay.formats.faults import FormatError

Roots = Mapping[str, Any]  # by name; where a path names none, it begins in the body
Read = Callable[[Roots], Any]

MAX_STEPS = 12
MAX_ITEMS = 1000  # of a list that are looked at; a body of 1 MiB has as many jobs of GitLab
MAX_TEXT = 4096  # characters of a text that are looked at
BODY = "$body"  # or an item of one of its lists
ROOTS = (BODY, "$header", "$envelope")
NOTHING = frozenset({"", "none", "null"})  # texts that programs write where there is none
_STEP = re.compile(r'(?:"[^"]*"|[^".])+')
_PAIR = re.compile(r'(?:"[^"]*"|[^"&])+')
_INDEX = re.compile(r"-?(?:0|[1-9]\d{0,3})")


def text_of(value: object) -> str | None:
    """Return a text, or a whole number as one; None for all that is neither, is empty or says that it is none."""
    if type(value) is str:
        text = value[:MAX_TEXT].strip()
        return None if len(text) < 5 and text.lower() in NOTHING else text
    if type(value) is int:
        return str(value) if -(2**63) <= value < 2**63 else None
    return None


def word_of(value: object) -> str | None:
    """Return what a table or a condition compares: a text in small letters, also of true and false."""
    if type(value) is str:
        word = value[:MAX_TEXT].strip().lower()
        return None if word in NOTHING else word
    if type(value) is bool:
        return "true" if value else "false"
    return text_of(value)


# Steps: a name, a number, or members with their values, of which the first item that has them all is taken.
Step = str | int | tuple[tuple[str, str], ...]


def path(spec: str) -> Read:
    """Compile a path, with its converter if it has one. Raises FormatError."""
    route, bar, named = spec.partition("|")
    read = _route(route.strip())
    if not bar:
        return read
    if (argument := named.strip()).startswith("unless "):
        other = _route(argument.removeprefix("unless ").strip())
        return lambda roots: text if (text := text_of(read(roots))) != text_of(other(roots)) else None
    convert = _converter(argument)
    return lambda roots: convert(text) if (text := text_of(read(roots))) is not None else None


def names_in(route: str) -> tuple[str, list[str]]:
    """Return the root of a path and the names of its steps, as they are written. Raises FormatError."""
    names = [name.strip() for name in _STEP.findall(route)]
    if not names or ('"' in route and route.count('"') % 2) or ".".join(names) != re.sub(r"\s*\.\s*", ".", route):
        raise FormatError(f"{route or 'an empty path'} is no path; expected names with full stops between them")
    root = names.pop(0) if names[0].startswith("$") else BODY
    if root not in ROOTS:
        raise FormatError(f"there is no {root}; {suggest(root, ROOTS)}")
    if root == "$header" and names:
        names = [".".join(names).lower()]
    if len(names) > MAX_STEPS:
        raise FormatError(f"{route} has {len(names)} steps; expected at most {MAX_STEPS}")
    return root, names


def _route(route: str) -> Read:
    root, names = names_in(route)
    steps = tuple(step_of(name) for name in names)

    def read(roots: Roots) -> Any:
        value = roots.get(root)
        for step in steps:
            if type(step) is str:
                value = value.get(step) if type(value) is dict else None
            elif type(value) is not list:
                value = value.get(str(step)) if type(value) is dict and type(step) is int else None
            elif type(step) is int:
                value = value[step] if -len(value) <= step < len(value) else None
            elif type(step) is tuple:
                value = first_with(value, step)
            if value is None:
                return None
        return value

    return read


def step_of(name: str) -> Step:
    if bracket := re.fullmatch(r"(\w+)\[(-?\d+)\]", name):
        raise FormatError(f"{name} has brackets; write {bracket[1]}.{bracket[2]}")
    if re.fullmatch('"[^"]*"', name):
        return name[1:-1]
    if "=" in name:
        terms = _PAIR.findall(name)
        pairs = [pair.partition("=") for pair in terms]
        if "&".join(terms) != name or not all(member and value for member, _, value in pairs):
            raise FormatError(f"{name} chooses nothing; expected member=value, joined by &")
        return tuple((member.strip().strip('"'), value.strip().strip('"').lower()) for member, _, value in pairs)
    return int(name) if _INDEX.fullmatch(name) else name


def first_with(items: list[Any], accepted: tuple[tuple[str, str], ...]) -> Any:
    for item in items[:MAX_ITEMS]:
        if type(item) is not dict:
            continue
        for member, value in accepted:
            if word_of(item.get(member)) != value:
                break
        else:
            return item
    return None


def _converter(named: str) -> Callable[[str], str | None]:
    name, _, argument = named.partition(" ")
    argument = argument.strip().strip('"')
    if name not in CONVERTERS:
        raise FormatError(f"{name or 'nothing'} is no converter; {suggest(name, CONVERTERS)}")
    if bool(argument) != CONVERTERS[name][0]:
        expected = "a text" if CONVERTERS[name][0] else "nothing"
        raise FormatError(f"{named} is no converter by itself; expected {name} and {expected}")
    convert = CONVERTERS[name][1]
    return lambda text: convert(text, argument) or None


def _unless(text: str, words: str) -> str:
    return "" if text.lower() in words.lower().split() else text


# Whether one takes an argument, and what it makes of a text; '' is nothing.
CONVERTERS: Mapping[str, tuple[bool, Callable[[str, str], str]]] = {
    "after": (True, lambda text, mark: text.partition(mark)[2].strip()),
    "last": (True, lambda text, sign: text.rpartition(sign)[2].strip()),
    "first_line": (False, lambda text, _: text.splitlines()[0].strip() if text.splitlines() else ""),
    "not": (True, _unless),
    "lower": (False, lambda text, _: text.lower()),
}
