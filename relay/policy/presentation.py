"""What an event does where it is told, and whom it calls: status × priority as one table. Pure.

An edit calls nobody in Slack (https://docs.slack.dev/reference/methods/chat.update), so whom a cell calls rides on
the new message: the reply, or the first message where none stands yet.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from relay.domain.deliveries import Presentation
from relay.domain.events import BATCH_EVENTS, OPERATION_EVENTS, PRIORITIES, Event
from relay.domain.facts import merge_documents

Call = Literal["", "owner", "group"]


@dataclass(frozen=True, slots=True)
class Cell:
    """What one status does at one priority."""

    presentation: Presentation
    call: Call = ""

    def calling(self, whom: Call) -> "Cell":
        return replace(self, call=whom)


DIGEST = Cell(Presentation(new_message=False))  # no message of its own; one that stands is kept true
SHOWN = Cell(Presentation())  # the message shows it
REPLY = Cell(Presentation(thread_reply=True))  # and it is told in the thread
BROADCAST = Cell(Presentation(thread_reply=True, broadcast=True))  # and to the whole conversation
ALARM = Cell(Presentation(thread_reply=True, broadcast=True), "group")  # and calls who is to be woken

# A recovery is told where the alarm was, and calls nobody. Whom a group is written for, `mention` says.
MATRIX: Mapping[str, tuple[Cell, Cell, Cell, Cell]] = {
    #             Low     Normal  High                        Critical
    "Initiated": (DIGEST, SHOWN,  SHOWN,                      SHOWN),
    "Running":   (DIGEST, SHOWN,  SHOWN,                      SHOWN),
    "Completed": (DIGEST, REPLY,  REPLY,                      REPLY.calling("owner")),
    "Failed":    (SHOWN,  REPLY,  BROADCAST.calling("owner"), ALARM),
    "Timeout":   (SHOWN,  REPLY,  BROADCAST.calling("owner"), ALARM),
    "Stalled":   (DIGEST, SHOWN,  REPLY.calling("owner"),     BROADCAST.calling("group")),
    "Recovered": (DIGEST, SHOWN,  REPLY,                      REPLY),
    "Cancelled": (DIGEST, SHOWN,  SHOWN,                      REPLY),
}  # fmt: skip

KNOWN_EVENTS = frozenset({*OPERATION_EVENTS, *BATCH_EVENTS, "operation.stalled", "operation.recovered"})
# What a mail is worth where a rule says `operation.*` or `*`; the rest wants to be named.
MAILED_EVENTS = frozenset({"operation.completed", "operation.failed", "operation.stalled", "batch.completed"})
# What a destination of mode `outcomes` is told: how a run ends, and that it hangs.
OUTCOME_EVENTS = MAILED_EVENTS | {"operation.cancelled"}
UNSUCCESSFUL = frozenset({"Failed", "Timeout", "Cancelled"})

OWNER = "owner"  # in a `mention` list: whoever the operation belongs to
OWNER_FIELDS = ("owner", "initiatedBy", "createdBy", "startedBy", "requestedBy")
_CALLABLE = re.compile(r"[^@\s<>|]+@[^@\s<>|]+|(?=[A-Z]*\d)[UW][A-Z0-9]{2,20}")  # an e-mail address or a Slack id


def presentation_for(event: Event, *, low_wanted: bool = False) -> Presentation:
    """What this event does at a destination. `low_wanted`: a rule names the priority Low, which is then as Normal."""
    cell = _cell(event, low_wanted=low_wanted)
    if event.about_batch:  # a batch has no priority: its message stands, and a member's mishap is told below it
        return replace(
            cell.presentation, new_message=True, thread_reply=cell.presentation.thread_reply or _mishap(event)
        )
    return cell.presentation


def reply_in_batch_thread(event: Event) -> bool:
    """Whether this event of one member is told in the thread of its batch: what failed or hangs, nothing else."""
    return event.status in ("Failed", "Timeout") or (
        event.status == "Stalled" and _cell(event).presentation.thread_reply
    )


def mentions_for(
    event: Event, history: Iterable[Event], mention: Mapping[str, Sequence[str]], asked: Sequence[str] = ()
) -> tuple[str, ...]:
    """Whom a new message about this event calls, as the configuration writes names.

    `mention` decides, `critical_failed` before `failed`, an empty list for nobody; where it is silent, the matrix's
    call goes to the operation's owner. Whom the operation itself `asked` to call joins them where the matrix calls
    anybody, and hears of a failure where `mention` is silent. Nobody is called for what they did themselves: a cancel.
    """
    status = _status(event).lower()
    priority = event.operation.priority.lower() if event.operation else ""
    written = mention.get(f"{priority}_{status}", mention.get(status))
    call = _cell(event).call
    if not (call or (written is None and _status(event) in ("Failed", "Timeout"))):
        asked = ()
    if written is None:
        written = (OWNER,) if call else ()
    elif not written:
        return ()
    document = _document(event, history)
    names = [name for one in written for name in ([one] if one != OWNER else _owner(document))] + [*asked]
    if status == "cancelled":
        actors = _names(event.cancellation.get("cancelledBy") or document.get("cancelledBy"))
        actors |= _names({"id": event.pressed.get("user"), "name": event.pressed.get("userName")})
        names = [name for name in names if not _names(name) & actors]
    return tuple(dict.fromkeys(names))


def _cell(event: Event, *, low_wanted: bool = False) -> Cell:
    status = "Recovered" if event.name == "operation.recovered" else _status(event)
    row = MATRIX.get(status) if event.name in KNOWN_EVENTS else None
    if row is None:
        return SHOWN
    stated = event.operation.priority if event.operation and (not event.about_batch or _mishap(event)) else ""
    priority = "Normal" if stated not in PRIORITIES or (stated == "Low" and low_wanted) else stated
    return row[PRIORITIES.index(priority)]


def _status(event: Event) -> str:
    """The status that is told: of a batch whose member met with a mishap, the member's."""
    return event.operation.status if event.operation and _mishap(event) else event.status


def _mishap(event: Event) -> bool:
    member = event.operation if event.name == "batch.operation.completed" else None
    return member is not None and member.status in UNSUCCESSFUL


def _document(event: Event, history: Iterable[Event]) -> Mapping[str, Any]:
    if event.about_batch:
        own = event.operation.document if event.operation and _mishap(event) else {}
        return {**(event.batch.document if event.batch else {}), **own}
    return merge_documents([*history, event])


def _owner(document: Mapping[str, Any]) -> list[str]:
    """The owner, if there is a way to call them: a name alone may be somebody else's."""
    for field in OWNER_FIELDS:
        said = document.get(field)
        ways = [said.get(key) for key in ("email", "slackId", "id")] if isinstance(said, Mapping) else [said]
        for way in ways:
            if isinstance(way, str) and _CALLABLE.fullmatch(way.strip()):
                return [way.strip()]
    return []


def _names(said: object) -> set[str]:
    """What somebody goes by: `J.Mueller`, `@j.mueller` and `j.mueller@example.com` may be one person."""
    parts = [said.get(key) for key in ("email", "slackId", "id", "name")] if isinstance(said, Mapping) else [said]
    whole = {part.strip().removeprefix("@").casefold() for part in parts if isinstance(part, str) and part.strip()}
    return whole | {name.partition("@")[0] for name in whole}
