"""What a source may say: of which events, tenants and projects, and of whom and what besides. Pure.

A token stands in an address, which proxies log. Whoever reads one there should not be able to do more with it than
the callback that it was made for: so what only a callback says, and no signed source, is of operations that are known,
names nobody, and leads nowhere (relay.domain.redaction).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from relay.domain.events import TEXTS, Document, Event
from relay.domain.json_access import rows
from relay.domain.parsing import parse
from relay.domain.redaction import redacted, without_recipients
from relay.domain.spaces import Space
from relay.errors import NotYetKnown, OutOfReach

Facts = Mapping[str, str]
MOST_MEMBERS = 100  # of a batch that are looked up
FIELDS = {"tenant": "tenantId", "project": "projectId"}
LIMIT = (
    "from the source %(source)s it is taken only if a signed source has told of the operation, and what that is "
    "called, how important it is and where links lead is for that source to say"
)


@dataclass(frozen=True, slots=True)
class Reach:
    """What one source may say. Nothing listed is no limit.

    recipients  whether its events' notifications count
    begins      whether it may tell of operations that nobody has told of, and say what they are and lead to
    """

    source: str
    events: frozenset[str] | None = None
    tenants: frozenset[str] = frozenset()
    projects: frozenset[str] = frozenset()
    recipients: bool = True
    begins: bool = True

    @property
    def asks(self) -> bool:
        """Whether what is known of an operation decides, too: a document need not say whose it is."""
        return not self.begins or bool(self.tenants or self.projects)

    @property
    def limits(self) -> tuple[str, ...]:
        """In sentences, what decides beside the document."""
        if self.begins:
            return ()
        return (LIMIT % {"source": self.source},)

    def read(self, document: Document, *, raw: bytes = b"", **how: Any) -> Event:
        """As `relay.domain.parsing.parse`, without what this source has no say in. Raises OutOfReach."""
        event = parse(document, raw=raw, **how)
        self._admit(event)
        if self.begins and self.recipients:
            return event
        plain = document if self.recipients else without_recipients(document)
        event = parse(plain if self.begins else redacted(plain, about_batch=event.about_batch), **how)
        self._admit(event)
        return event

    def _admit(self, event: Event) -> None:
        if self.events is not None and event.name not in self.events:
            mine = ", ".join(sorted(self.events))
            raise OutOfReach("event", f"{event.name} is not for the source {self.source} to say; it may say {mine}")
        self._of_its_own(Space.of_event(event))

    def _of_its_own(self, whose: Space) -> None:
        for name, field in FIELDS.items():
            mine, stated = getattr(self, f"{name}s"), getattr(whose, name)
            if mine and stated and stated not in mine:
                raise OutOfReach(field, f"the source {self.source} may not speak for this {name}")

    def check(self, event: Event, filled: Event, facts: Facts) -> None:
        """Whether it may say this of an operation of which these facts are known: `filled` is the event with them."""
        self._of_its_own(Space.of_event(filled))
        if self.begins:
            return
        if not self._same_platform(event, facts):
            raise self._unknown("operation.operationId", "operation")
        self._adds_no_owner(event, facts)
        if filled.retry > max(int(facts.get("runs", 0)), int(facts.get("retry", 0))):
            raise self._unknown("operation.retryNumber", "run of the operation")

    def check_batch(self, event: Event, batch: Facts, member: Facts, listed: Iterable[Facts]) -> None:
        """The same of a batch: known are the batch, the member that the event is about, and those that it lists.

        The registered webhooks of the API tell of operations alone, so a batch is known where an operation of it is.
        """
        others = [facts for facts in (member, *listed) if self._same_platform(event, facts)]
        for facts in (batch, *others):
            self._of_its_own(Space.of(facts))
        if self.begins:
            return
        if event.operation and not self._same_platform(event, member):
            raise self._unknown("operation.operationId", "operation")
        if not self._same_platform(event, batch) and not others:
            raise self._unknown("batch.batchId", "batch, nor of an operation of it")
        if member.get("batch", event.member_of) != event.member_of:
            raise OutOfReach("batch.batchId", "the operation is known to be of another batch")
        whose = {name: facts[name] for facts in (*others, batch) for name in FIELDS if name in facts}
        self._adds_no_owner(event, whose)

    def with_kind(self, event: Event, member: Facts) -> Event:
        """A batch's event with the kind of its operation, which decides rules and mentions, as far as it is known."""
        if self.begins or event.operation is None:
            return event
        kind: dict[str, Any] = {name: member.get(name, "") for name, text in TEXTS.items() if text.condition}
        return replace(event, operation=replace(event.operation, **kind))

    @staticmethod
    def _same_platform(event: Event, facts: Facts) -> bool:
        """Whether something is known, and of its own platform: one without a name could mean that of another."""
        return bool(facts) and facts.get("platform", "") == event.platform

    def _adds_no_owner(self, event: Event, facts: Facts) -> None:
        """A document that says more of whose it is than is known could speak for another tenant."""
        for name, field in FIELDS.items():
            if getattr(event, name) and not facts.get(name):
                raise OutOfReach(field, f"only a source that may begin operations says of which {name} this is")

    def _unknown(self, field: str, subject: str) -> NotYetKnown:
        return NotYetKnown(
            field,
            f"no signed source has told of this {subject} yet, and {self.source} may not begin one; "
            "sent or replayed again once it is known, it is taken",
        )


def listed_members(event: Event) -> list[str]:
    """The ids of the operations that a batch lists, as far as they are looked up."""
    members = rows(event.batch.document.get("operations")) if event.batch else []
    ids = (member.get("operationId") or member.get("id") for member in members[:MOST_MEMBERS])
    return [id_ for id_ in ids if isinstance(id_, str) and id_]
