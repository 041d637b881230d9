"""Presentation of an event at a destination, and its mentions: status × priority as one table. Pure.

An edit notifies no one in Slack (https://docs.slack.dev/reference/methods/chat.update), a reply those who follow its
thread. So what people should look at is a new message or a broadcast reply, and mentions are part of that.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from relay.domain.deliveries import Digest, Presentation, Target
from relay.domain.documents import mapping, rows
from relay.domain.events import FAILED, PRIORITIES, SOURCE, Event, Operation
from relay.domain.facts import merge_documents
from relay.domain.identity import KNOWN_EVENTS
from relay.domain.outcomes import streaks

Called = Literal["", "owner", "group"]
# What a mail is worth where a rule says `operation.*` or `*`; the rest wants to be named.
MAILED_EVENTS = frozenset(
    {"operation.completed", "operation.failed", "operation.stalled", "operation.recovered", "batch.completed"}
)
# What reaches a destination of mode `outcomes`: how a run ends, that it hangs, and that it goes on again.
OUTCOME_EVENTS = MAILED_EVENTS | {"operation.cancelled"}
UNSUCCESSFUL = (*FAILED, "Cancelled")
OWNER = "owner"  # in a `mention` list: the operation's owner
OWNER_FIELDS = ("owner", "initiatedBy", "createdBy", "startedBy", "requestedBy")
_CALLABLE = re.compile(r"[^@\s<>|]+@[^@\s<>|]+|(?=[A-Z]*\d)[UW][A-Z0-9]{2,20}")  # an e-mail address or a Slack id


@dataclass(frozen=True, slots=True)
class Cell:
    """Presentation and mentions of one status at one priority."""

    presentation: Presentation
    call: Called = ""

    def calling(self, people: Called) -> "Cell":
        return replace(self, call=people)


DIGEST = Cell(Presentation(new_message=False))  # no message of its own; one that stands is kept true
SHOWN = Cell(Presentation())  # the message shows it
REPLY = Cell(Presentation(thread_reply=True))  # and a reply in its thread
BROADCAST = Cell(Presentation(thread_reply=True, broadcast=True))  # which the whole conversation sees
ALARM = Cell(Presentation(thread_reply=True, broadcast=True), "group")  # and calls who is to be woken

# docs/notifications.md shows this table, and a test compares the two. A recovery goes where the alarm went, and calls
# no one. Who the group is, `mention` says.
MATRIX: Mapping[str, tuple[Cell, Cell, Cell, Cell]] = {
    #             Low     Normal  High                        Critical
    "Initiated": (DIGEST, SHOWN,  SHOWN,                      SHOWN),
    "Running":   (DIGEST, SHOWN,  SHOWN,                      SHOWN),
    "Completed": (DIGEST, REPLY,  REPLY,                      REPLY.calling("owner")),
    "Failed":    (SHOWN,  BROADCAST, BROADCAST.calling("owner"), ALARM),
    "Timeout":   (SHOWN,  BROADCAST, BROADCAST.calling("owner"), ALARM),
    "Stalled":   (DIGEST, SHOWN,  REPLY.calling("owner"),     BROADCAST.calling("group")),
    "Recovered": (DIGEST, REPLY,  REPLY,                      REPLY),
    "Cancelled": (DIGEST, SHOWN,  SHOWN,                      REPLY),
}  # fmt: skip
REMINDED = {"Normal": BROADCAST}  # of a stall: what was not looked at for half an hour goes to the conversation


def presentation_for(event: Event, *, low_wanted: bool = False) -> Presentation:
    """Return the presentation of this event. `low_wanted`: a rule names the priority Low, which is then as Normal."""
    cell = _cell(event, low_wanted=low_wanted)
    presentation = cell.presentation
    if presentation.broadcast and not cell.call and event.name != "batch.completed":
        presentation = replace(presentation, once_in_batch=True)
    if event.about_batch:  # a batch has no priority: its message stays, and a member's failure is a reply below it
        reply = presentation.thread_reply or _unsuccessful_member(event) is not None
        return replace(presentation, new_message=True, thread_reply=reply)
    return presentation


def variant_of(event: Event) -> str:
    """Return `reminder` of a stall, `failures` of a batch, or ''."""
    if event.name == "operation.stalled" and mapping(event.document.get("stalled")).get("reminder"):
        return "reminder"
    if event.name == "batch.completed" and event.batch:
        statuses = [member.get("status") for member in rows(event.batch.document.get("operations"))]
        return "failures" if any(status in FAILED for status in statuses if isinstance(status, str)) else ""
    return ""


def reply_in_batch_thread(event: Event) -> bool:
    """Return whether this event of a member, which failed or hangs, is a reply in the thread of its batch."""
    return event.status in FAILED or (event.status == "Stalled" and _cell(event).presentation.thread_reply)


def is_failing_member(event: Event) -> bool:
    """Return whether a batch reports here that one of its operations failed."""
    member = _unsuccessful_member(event)
    return member is not None and member.status in FAILED


def mentions_for(
    event: Event, history: Iterable[Event], mention: Mapping[str, Sequence[str]], requested: Sequence[str] = (),
    owners: Sequence[str] = (),
) -> tuple[str, ...]:  # fmt: skip
    """Return the mentions of a new message about this event, as the configuration writes names.

    `mention` decides (`entry_for`), an empty list for none; without an entry the matrix mentions
    the operation's owner: `owners`, else the one that its document states. `requested` names join them where the matrix
    mentions anyone, and on a failure without an entry. People are not mentioned for their own cancellation.
    """
    status = _status(event).lower()
    names = entry_for(mention, event.operation.priority if event.operation else "", status)
    call = _cell(event).call
    if not (call or (names is None and _status(event) in FAILED)):
        requested = ()
    if names is None:
        names = (OWNER,) if call else ()
    elif not names:
        return ()
    document = _document(event, history)
    called = [person for name in names for person in ([name] if name != OWNER else owners or _owner(document))] + [
        *requested
    ]
    if status == "cancelled":
        actors = _names(event.cancellation.get("cancelledBy") or document.get("cancelledBy"))
        actors |= _names({"id": event.pressed.get("user"), "name": event.pressed.get("userName")})
        called = [person for person in called if not _names(person) & actors]
    return tuple(dict.fromkeys(called))


def entry_for(mention: Mapping[str, Sequence[str]], priority: str, status: str) -> Sequence[str] | None:
    """Return the most specific entry of `mention`; None without one. A time-out that has none is a failure."""
    statuses = (status, "failed") if status == "timeout" else (status,)
    keys = (key for name in statuses for key in (f"{priority.lower()}_{name}", name))
    return next((mention[key] for key in keys if key in mention), None)


def callable_names(mention: Mapping[str, Sequence[str]]) -> frozenset[str]:
    """Return every name that this `mention` may call, with OWNER where it may be the owner's."""
    return frozenset(name for names in (*mention.values(), *by_outcome(mention).values()) for name in names)


def by_outcome(mention: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """Return who is mentioned at each outcome that the matrix mentions people for."""
    called = {
        f"{priority}_{status}".lower(): entry_for(mention, priority, status.lower())
        for status, row in MATRIX.items() for priority, cell in zip(PRIORITIES, row, strict=True) if cell.call
    }  # fmt: skip
    return {outcome: (OWNER,) if names is None else tuple(names) for outcome, names in called.items()}


def _cell(event: Event, *, low_wanted: bool = False) -> Cell:
    status = "Recovered" if event.name == "operation.recovered" else _status(event)
    row = MATRIX.get(status) if event.name in KNOWN_EVENTS else None
    if row is None:
        return SHOWN
    operation = _unsuccessful_member(event) if event.about_batch else event.operation
    stated = operation.priority if operation else ""
    priority = "Normal" if stated not in PRIORITIES or (stated == "Low" and low_wanted) else stated
    if variant := variant_of(event):
        return BROADCAST if variant == "failures" else REMINDED.get(priority, row[PRIORITIES.index(priority)])
    return row[PRIORITIES.index(priority)]


def _status(event: Event) -> str:
    member = _unsuccessful_member(event)
    return member.status if member else event.status


def _unsuccessful_member(event: Event) -> Operation | None:
    """Return the member that a batch reports to have ended without success."""
    member = event.operation if event.name == "batch.operation.completed" else None
    return member if member and member.status in UNSUCCESSFUL else None


def _document(event: Event, history: Iterable[Event]) -> Mapping[str, Any]:
    if event.about_batch:
        member = _unsuccessful_member(event)
        return {**(event.batch.document if event.batch else {}), **(member.document if member else {})}
    return merge_documents([*history, event])


def _owner(document: Mapping[str, Any]) -> list[str]:
    """Return the owner's address or Slack id; a name alone may be another person's."""
    for field in OWNER_FIELDS:
        owner = document.get(field)
        contacts = [owner.get(key) for key in ("slackId", "id", "email")] if isinstance(owner, Mapping) else [owner]
        for contact in contacts:
            if isinstance(contact, str) and _CALLABLE.fullmatch(contact.strip()):
                return [contact.strip()]
    return []


def _names(person: object) -> set[str]:
    """Return all names of a person: `J.Mueller`, `@j.mueller` and `j.mueller@example.com` may be one."""
    keys = ("email", "slackId", "id", "name")
    parts = [person.get(key) for key in keys] if isinstance(person, Mapping) else [person]
    whole = {part.strip().removeprefix("@").casefold() for part in parts if isinstance(part, str) and part.strip()}
    return whole | {name.partition("@")[0] for name in whole}


def alerts(event: Event, after: int, *, countable: bool) -> bool:
    """Return whether it may mention people and be broadcast: not a failure with too few before it (`alert_after`)."""
    counted = event.name == "operation.failed" and event.status in FAILED and countable and not event.about_batch
    return not counted or len(streaks(event.past or ()).failures) + 1 >= after


def works_again(event: Event, after: int) -> bool:
    """Return whether the failure right before it mentioned people, so that its end is broadcast (0: never)."""
    if not after or event.name != "operation.completed" or event.status != "Completed":
        return False
    return len(streaks(event.past or ()).failures) >= after


def as_failure(event: Event) -> Event:
    """Return the failure that this completion corrects: the run had failed and then completed without a start."""
    status = event.compared.completes if event.compared else ""
    operation = event.operation and replace(event.operation, status=status)
    return replace(event, name="operation.failed", operation=operation)


def as_alarm(event: Event) -> Event:
    """Return the alarm of the run, by which rules name who gets its end."""
    operation = event.operation and replace(event.operation, status="Stalled")
    return replace(event, name="operation.stalled", source=SOURCE, operation=operation)


def mark_informed(targets: Sequence[Target], of_failure: Sequence[Target]) -> tuple[Target, ...]:
    """Return the targets, marked where the failure had the same address. A digest lists what is newest in any case."""
    informed = {(target.destination, target.address) for target in of_failure if not target.hold_reason}
    return tuple(
        replace(target, failure_shown=True)
        if (target.destination, target.address) in informed and not isinstance(target.how, Digest)
        else target
        for target in targets
    )
