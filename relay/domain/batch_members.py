"""Names of a batch's operations and causes of their failures, as its events state them one by one. Pure.

The last document of a batch mostly states neither.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from relay.domain.error_reader import brief, cause_of
from relay.domain.events import CRITICAL, FAILED, Document, Event
from relay.domain.identity import error_of, message_of

MEMBERS = "members"  # the fact: operation's id → `{"cause", "name", "type", "failed", "priority"}`, as far as known
MOST = 20  # operations; those that failed take the places of others
MAX_ID = 128  # characters
MAX_NAME = 80

Members = Mapping[str, Mapping[str, str]]


def with_member(event: Event, fact: str) -> str:
    """Return the fact of the batch with what this event states of one of its operations."""
    member = event.operation
    if member is None or len(member.id) > MAX_ID:
        return fact
    members = {**members_of(fact)}
    before = members.get(member.id, {})
    failed = member.status in FAILED
    cause = brief(cause_of(message_of(error_of(event)))) if failed else ""
    name = member.name[:MAX_NAME] or before.get("name", "")
    kind = "" if name else member.type[:MAX_NAME] or before.get("type", "")
    priority = member.priority or before.get("priority", "")
    stated = {"cause": cause, "name": name, "type": kind, "failed": member.status if failed else "",
              "priority": priority if priority == CRITICAL else ""}  # fmt: skip
    new = {key: text for key, text in stated.items() if text}
    if new == before:
        return fact
    if member.id not in members and len(members) == MOST:
        named = next((id_ for id_, facts in members.items() if "failed" not in facts), "")
        if not failed or not named:
            return fact
        del members[named]
    return json.dumps({**members, member.id: new}, ensure_ascii=False)


def members_of(fact: str) -> Members:
    """Read the fact; {} for ''."""
    members: Members = json.loads(fact) if fact else {}
    return members


def with_failed(listed: Sequence[Document], members: Members) -> list[Document]:
    """Return a batch's operations with those that failed by their own events, where the batch lists none at all."""
    if listed:
        return [*listed]
    return [{"operationId": id_, "status": facts["failed"]} for id_, facts in members.items() if "failed" in facts]


def none_succeeded(statuses: Sequence[str], total: float) -> bool:
    """Return whether these are all operations of a batch, of which some failed and none completed."""
    return any(status in FAILED for status in statuses) and "Completed" not in statuses and len(statuses) >= total


def failed_of(fact: str) -> list[dict[str, str]]:
    """Return the name and the cause of each operation of which a cause is known."""
    members = members_of(fact)
    return [
        {"name": facts.get("name", id_), "error": facts["cause"]} for id_, facts in members.items() if "cause" in facts
    ]


def cause_line(alike: Sequence[Mapping[str, Any]], named: int) -> str:
    """Return the cause of these (`error`, `name`) behind at most so many names: `Load: No room`, else `3 × No room`."""
    names = [operation["name"] for operation in alike if operation.get("name")]
    if len(names) == len(alike) <= named:
        return f"{', '.join(names)}: {alike[0]['error']}"
    return f"{len(alike)} × {alike[0]['error']}" if len(alike) > 1 else f"{alike[0]['error']}"
