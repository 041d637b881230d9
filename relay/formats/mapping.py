"""Mapping of a foreign sender's document to the one that relay understands. Compiled with the configuration. Pure.

A format is a case or several, of which the first counts whose conditions hold. A case with `each` is about the items of
a list, one by one.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from relay.domain.links import HOST
from relay.formats.cases import Case, Reading
from relay.formats.envelopes import opened
from relay.formats.paths import BODY, Roots
from relay.formats.values import Value

ITEM = "item"
NO_CASE = "no case of the format is about it"
MAX_EVENTS = 100  # of one document
_NAMED = re.compile(rf"https://({HOST})[/:?#]")
Used = TypeVar("Used")


def roots_of(body: Any, headers: Mapping[str, str] | None = None) -> Roots:
    """Return what paths begin with."""
    return {BODY: body, "$header": headers or {}}


@dataclass(frozen=True, slots=True)
class Format:
    """The cases of a sender's documents, in their order."""

    cases: tuple[Case, ...]
    headers: frozenset[str] = frozenset()  # the names, in small letters, of those that it reads
    unwrap: tuple[str, ...] = ()  # envelopes that are opened before
    accept: frozenset[str] = frozenset()  # spellings of a body beside JSON: text, form, gzip
    keep_bodies: bool = True  # the last ones, for whoever writes it
    link_hosts: tuple[str, ...] = ()  # that links lead to, beside those in their texts

    @property
    def labels(self) -> set[str]:
        """Return the names of the labels that it gives."""
        return {f"{part.place[1]}" for case in self.cases for part in case.parts if part.place[0] == "labels"}

    @property
    def links(self) -> list[Value]:
        """Return its links, of runs and of phases."""
        places = (("link",), ("phase", "link"), ("phases", "link"))
        return [part.value for case in self.cases for part in case.shown if part.place in places]

    @property
    def hosts(self) -> tuple[str, ...]:
        """Return the hosts that its links lead to."""
        texts = (text for link in self.links for text in link.texts)
        return (*self.link_hosts, *(named[1] for text in texts if (named := _NAMED.match(f"{text}/".lower()))))

    def readings(
        self, body: Any, *, headers: Mapping[str, str] | None = None, limit: int = MAX_EVENTS
    ) -> list[Reading]:  # fmt: skip
        """Read a document: one reading, or of a case with `each` one of each item, the first `most` of them.

        `headers` by their names in small letters.
        """
        readings, beyond = self.walk(roots_of(body, headers), self.reading, limit)
        return [*readings, Reading(missing="each", beyond=beyond)] if beyond else readings

    def reading(self, number: int, roots: Roots) -> Reading:
        return self.cases[number - 1].read(roots, number) if number else Reading(ignored=NO_CASE)

    def walk(
        self, roots: Roots, use: Callable[[int, Roots], Used], limit: int = MAX_EVENTS
    ) -> tuple[list[Used], int]:  # fmt: skip
        """Use the document, or each of its items, with the number of the case that it is read by, 0 for none.

        Returns what `use` does, and how many items are left out. For all items it gets one mapping, which changes.
        """
        if not self.unwrap:
            return self._walk(roots, use, limit)
        parts: list[Used] = []
        batch = roots[BODY]
        beyond = max(0, len(batch) - limit) if type(batch) is list else 0  # those are not opened
        for body, envelope in opened(batch, roots["$header"], self.unwrap, limit):
            within = {**roots, BODY: body, "$envelope": envelope}
            used, left = self._walk(within, use, limit - len(parts)) if len(parts) < limit else ([], 1)
            parts += used
            beyond += left
        return parts, beyond

    def _walk(
        self, roots: Roots, use: Callable[[int, Roots], Used], limit: int
    ) -> tuple[list[Used], int]:  # fmt: skip
        for number, case in enumerate(self.cases, start=1):
            if case.each is None:
                if case.holds(roots):
                    return [use(number, roots)], 0
            elif type(items := case.each.read(roots)) is list:
                parts, matched = self._of_items(items, roots, use, limit)
                if matched:
                    return parts, max(0, len(items) - limit)
        return [use(0, roots)], 0

    def _of_items(
        self, items: list[Any], roots: Roots, use: Callable[[int, Roots], Used], limit: int
    ) -> tuple[list[Used], bool]:  # fmt: skip
        """Use each item by the first case about their list that holds for it. Return whether one holds for any."""
        body = {**roots[BODY]} if type(roots[BODY]) is dict else {}
        within, parts, matched = {**roots, BODY: body}, [], False
        cases = [(number, case) for number, case in enumerate(self.cases, start=1)
                 if case.each and case.each.read(roots) is items]  # fmt: skip
        for item in items[:limit]:
            body[ITEM] = item
            number = next((number for number, case in cases if case.holds(within)), 0)
            parts.append(use(number, within))
            matched = matched or number > 0
        return parts, matched
