"""Bounds on what one message of a user's templates may take, and on every value on its way.

They run in a thread, which nobody can end: so every step is counted, none works on more than `LONGEST` or `MOST_ITEMS`,
and what takes more raises.
"""

import time
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from jinja2.exceptions import SecurityError

LONGEST = 2**19  # characters and items of any one value, those within it counted
ITEM = 50  # characters that an item of a list counts as: about the bytes that it takes
MOST_STRIPPED = 64  # characters to strip, each compared with each of a text in one step that nobody can end
MOST_ARGUMENT = 1000  # characters of any other argument of a text's method
MOST_ITEMS = 10_000  # of a list that a filter works on, or of a range
MOST_BITS = 64  # of a number
CHECKED = 64  # steps between two looks at the clock


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bounds of one message."""

    seconds: float = 1.0  # of processor time, so that a busy machine costs nobody their wording
    steps: int = 200_000
    characters: int = 2**24  # written, or made on the way


BOUNDS = Bounds()


class TooMuch(SecurityError):
    """The message takes more than it may."""


class Budget:
    """Rest of a message's bounds, in the thread that makes it."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._steps, self._characters = bounds.steps, bounds.characters
        self._until = time.thread_time() + bounds.seconds

    def allow(self, seconds: float) -> None:
        """Have so much more time: what is done once for all messages is not this one's."""
        self._until += seconds

    def step(self, count: int = 1, characters: int = 0) -> None:
        """Count steps, and what they write."""
        before = self._steps
        self._steps -= count
        self._characters -= characters
        if self._steps < 0:
            raise TooMuch(f"it took more than {self._bounds.steps:,} steps")
        if self._characters < 0:
            raise TooMuch(f"it wrote more than {self._bounds.characters:,} characters")
        if before // CHECKED != self._steps // CHECKED and time.thread_time() > self._until:
            raise TooMuch(f"it took more than {self._bounds.seconds:g} s of processor time")


BUDGET: ContextVar[Budget | None] = ContextVar("budget", default=None)


def step(count: int = 1, characters: int = 0) -> None:
    """Count steps of the message that is made here, if it is bounded."""
    if budget := BUDGET.get():
        budget.step(count, characters)


def weigh(value: Any) -> int:
    """Return the memory of a value in characters, with all within it: an item that is in it twice counts twice."""
    characters, items, left = 0, 0, [value]
    while left:
        item = left.pop()
        items += 1
        if isinstance(item, str):
            characters += len(item)
        elif isinstance(item, dict):
            left += [*item, *item.values()]
        elif isinstance(item, list | tuple):
            left += item
        if characters + items + len(left) > LONGEST:
            raise TooMuch(f"a value holds more than {LONGEST:,} characters and items")
    return characters + items * ITEM


def charge(value: Any) -> Any:
    """Count a value that a template has made, and return it."""
    if isinstance(value, str | list | tuple | dict):
        step(0, weigh(value))
    elif isinstance(value, int):
        check_number(value)
    elif isinstance(value, Iterator):
        return _counted(value)
    return value


def _counted(items: Iterator[Any]) -> Iterator[Any]:
    for number, item in enumerate(items):
        check_items(number)
        step()
        yield charge(item)


def check_items(count: int) -> None:
    """Refuse more items than a list may have that a single step works on."""
    if count > MOST_ITEMS:
        raise TooMuch(f"a list is longer than {MOST_ITEMS:,}")


def check_number(value: Any) -> None:
    """Refuse an integer on which a single step could take long."""
    if isinstance(value, int) and value.bit_length() > MOST_BITS:
        raise TooMuch(f"a number has more than {MOST_BITS} bits")


def check_arguments(method: str, arguments: Iterable[Any]) -> None:
    """Refuse long arguments of a text's method, whose time is the product of two lengths."""
    limit = MOST_STRIPPED if "strip" in method or method == "trim" else MOST_ARGUMENT
    if any(isinstance(argument, str) and len(argument) > limit for argument in arguments):
        raise TooMuch(f"{method} takes a text of at most {limit} characters")


def check_length(length: int, limit: int = LONGEST) -> None:
    """Refuse a text that is longer than one may be."""
    if length > limit:
        raise TooMuch(f"a text is longer than {limit:,} characters")
