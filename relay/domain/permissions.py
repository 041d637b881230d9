"""Permissions of a source: the events, tenants and projects that it may report, and the fields that it may set. Pure.

Proxies log addresses with their tokens. A token read there must allow no more than the callback that it was made for:
such a source reports known operations only, and neither recipients nor links.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from relay.domain.display import ELLIPSIS
from relay.domain.documents import rows
from relay.domain.events import TEXTS, Document, Event
from relay.domain.facts import Space
from relay.domain.parsing import parse
from relay.errors import NotPermitted, NotYetKnown

RECIPIENTS = frozenset({"notifications"})
# Who is mentioned, or not because they did it themselves (relay.policy.presentation).
PEOPLE = frozenset({"owner", "initiatedBy", "createdBy", "startedBy", "requestedBy", "cancelledBy"})
# What decides rules and mentions.
KIND = frozenset(text.key for text in TEXTS.values() if text.condition)
# Names of an operation, and the batch and run it is a part of. Events of a batch keep theirs: the API's registered
# webhooks report operations alone, so no other source states them.
NAMES = frozenset({"operationName", "operationDescription", "operationKey", "originalOperationId",
                   "batch", "batchId", "batchName", "batchDescription"})  # fmt: skip
LINKED = frozenset({"artifacts", "partialResults"})  # downloads
LINKS = ("url", "uri", "href", "link")  # endings of the names of fields with addresses
_WORD = re.compile(r"\S+")
_MARKS = ("://", "www.", "mailto:")  # of an address, as programs find them that make links of text
_HOST = re.compile(r"[\w-]+(\.[\w-]+)*\.[a-z]{2,24}", re.IGNORECASE)
MAX_HOST = 253  # characters
MAX_FIELD = 200  # characters of a field's name
Facts = Mapping[str, str]
MAX_MEMBERS = 100  # of a batch that are looked up
FIELDS = {"tenant": "tenantId", "project": "projectId"}
LIMIT = (
    "from the source %(source)s it is taken only if a signed source has told of the operation, and what that is "
    "called, how important it is and where links lead is for that source to say"
)


def without_recipients(document: Document) -> dict[str, Any]:
    """Remove `notifications` at every depth."""
    return {key: _without(value, RECIPIENTS) for key, value in document.items() if key not in RECIPIENTS}


def redacted(document: Document, *, about_batch: bool) -> dict[str, Any]:
    """Remove people, the operation's kind, its names and all links; addresses within a text become an ellipsis."""
    names = PEOPLE | KIND | LINKED | (frozenset() if about_batch else NAMES)
    redacted: dict[str, Any] = _without_links(document, names)
    return redacted


def _without(value: Any, names: frozenset[str]) -> Any:
    if type(value) is dict:
        return {key: _without(item, names) for key, item in value.items() if key not in names}
    return [_without(item, names) for item in value] if type(value) is list else value


def _without_links(value: Any, names: frozenset[str]) -> Any:
    """Return the value without links; None for one that is nothing but an address."""
    if isinstance(value, str):
        text = _inert(value)
        return None if text == ELLIPSIS else text
    if isinstance(value, dict):
        document = {}
        for key, item in value.items():
            name = "" if key in names or len(key) > MAX_FIELD else _field(key)
            if name and (redacted := _without_links(item, names)) is not None:
                document[name] = redacted
        return document
    if isinstance(value, list):
        return [redacted for item in value if (redacted := _without_links(item, names)) is not None]
    return value


@lru_cache(1024)  # documents repeat their keys, most of all those that are large
def _field(key: str) -> str:
    """Return the field's name as it may be shown; '' for one whose name says that it holds an address."""
    return "" if key.lower().removesuffix("s").endswith(LINKS) else _inert(key)


def _inert(text: str) -> str:
    """Replace each word that is an address with an ellipsis, in linear time."""
    return _WORD.sub(_redacted_word, text)


def _redacted_word(word: re.Match[str]) -> str:
    lower = word[0].lower()
    host = lower.partition("/")[0].lstrip("([{<'\"") if "/" in lower else ""
    address = any(mark in lower for mark in _MARKS) or (len(host) <= MAX_HOST and _HOST.fullmatch(host))
    return ELLIPSIS if address else word[0]


@dataclass(frozen=True, slots=True)
class Permissions:
    """Permissions of one source. An empty list is no limit."""

    source: str
    events: frozenset[str] | None = None
    tenants: frozenset[str] = frozenset()
    projects: frozenset[str] = frozenset()
    recipients: bool = True  # its events' `notifications` count
    begins: bool = True  # it may report operations that are not known yet, with their names and links

    @property
    def needs_facts(self) -> bool:
        """Return whether known facts of an operation decide, too: a document need not name its tenant or project."""
        return not self.begins or bool(self.tenants or self.projects)

    @property
    def limits(self) -> tuple[str, ...]:
        """Name in sentences what decides beside the document."""
        return () if self.begins else (LIMIT % {"source": self.source},)

    def read(self, document: Document, *, raw: bytes = b"", **how: Any) -> Event:
        """Parse the document without what this source may not set. Raises NotPermitted, and as `parsing.parse` does."""
        event = parse(document, raw=raw, **how)
        self._check_event(event)
        if self.begins and self.recipients:
            return event
        plain = document if self.recipients else without_recipients(document)
        event = parse(plain if self.begins else redacted(plain, about_batch=event.about_batch), **how)
        self._check_event(event)  # redacted, it may be another event
        return event

    def _check_event(self, event: Event) -> None:
        if self.events is not None and event.name not in self.events:
            mine = ", ".join(sorted(self.events))
            raise NotPermitted("event", f"{event.name} is not for the source {self.source} to say; it may say {mine}")
        self._check_owner(Space.of_event(event))

    def _check_owner(self, whose: Space) -> None:
        for name, field in FIELDS.items():
            mine, stated = getattr(self, f"{name}s"), getattr(whose, name)
            if mine and stated and stated not in mine:
                raise NotPermitted(field, f"the source {self.source} may not speak for this {name}")

    def check(self, event: Event, whose: Space, facts: Facts) -> None:
        """Raise NotPermitted unless it may report this of an operation with these facts, which is `whose`."""
        self._check_owner(whose)
        if self.begins:
            return
        if not self._same_platform(event, facts):
            raise self._unknown("operation.operationId", "operation")
        self._adds_no_owner(event, facts)

    def check_run(self, filled: Event, facts: Facts) -> None:
        """Raise NotYetKnown where it would begin a run of the operation."""
        if not self.begins and filled.retry > max(int(facts.get("runs", 0)), int(facts.get("retry", 0))):
            raise self._unknown("operation.retryNumber", "run of the operation")

    def check_batch(self, event: Event, batch: Facts, member: Facts, listed: Iterable[Facts]) -> None:
        """Check an event of a batch by the facts of the batch, of the member that it is about, and of listed members.

        The API's registered webhooks report operations alone, so a batch is known where an operation of it is.
        """
        others = [facts for facts in (member, *listed) if self._same_platform(event, facts)]
        for facts in (batch, *others):
            self._check_owner(Space.of(facts))
        if self.begins:
            return
        if event.operation and not self._same_platform(event, member):
            raise self._unknown("operation.operationId", "operation")
        if not self._same_platform(event, batch) and not others:
            raise self._unknown("batch.batchId", "batch, nor of an operation of it")
        if member.get("batch", event.member_of) != event.member_of:
            raise NotPermitted("batch.batchId", "the operation is known to be of another batch")
        whose = {name: facts[name] for facts in (*others, batch) for name in FIELDS if name in facts}
        self._adds_no_owner(event, whose)

    def with_kind(self, event: Event, member: Facts) -> Event:
        """Fill in the known kind of a batch event's operation, which decides rules and mentions."""
        if self.begins or event.operation is None:
            return event
        kind: dict[str, Any] = {name: member.get(name, "") for name, text in TEXTS.items() if text.condition}
        return replace(event, operation=replace(event.operation, **kind))

    @staticmethod
    def _same_platform(event: Event, facts: Facts) -> bool:
        return bool(facts) and facts.get("platform", "") == event.platform

    @staticmethod
    def _adds_no_owner(event: Event, facts: Facts) -> None:
        """Raise NotPermitted where the document names a tenant or project that is not known: it could be another's."""
        for name, field in FIELDS.items():
            if getattr(event, name) and not facts.get(name):
                raise NotPermitted(field, f"only a source that may begin operations says of which {name} this is")

    def _unknown(self, field: str, subject: str) -> NotYetKnown:
        return NotYetKnown(
            field,
            f"no signed source has told of this {subject} yet, and {self.source} may not begin one; "
            "sent or replayed again once it is known, it is taken",
        )


def listed_members(event: Event) -> list[str]:
    """List the ids of the operations in a batch that are looked up."""
    members = rows(event.batch.document.get("operations")) if event.batch else []
    ids = (member.get("operationId") or member.get("id") for member in members[:MAX_MEMBERS])
    return [id_ for id_ in ids if isinstance(id_, str) and id_]
