"""Errors of a batch's operations, as each of its events states one: its last document mostly states none. Pure."""

import json
from collections.abc import Mapping

from relay.domain.error_reader import cause_of
from relay.domain.events import FAILED, Event
from relay.domain.identity import error_of, message_of

MEMBER_ERRORS = "member_errors"  # the fact: the id of each operation that failed, with its cause
MOST = 20  # operations
MAX_ID = 128  # characters


def with_member_error(event: Event, known: str) -> str:
    """Return the fact of the batch with the error that this event states of one of its operations."""
    member = event.operation
    if member is None or len(member.id) > MAX_ID:
        return known
    causes = member_causes(known)
    cause = cause_of(message_of(error_of(event))) if member.status in FAILED else ""
    if causes.get(member.id, "") == cause or (cause and member.id not in causes and len(causes) == MOST):
        return known
    return json.dumps({**causes, member.id: cause}, ensure_ascii=False)


def member_causes(fact: str) -> Mapping[str, str]:
    """Return the causes by the operations' ids; '' for one that was run again."""
    causes: dict[str, str] = json.loads(fact) if fact else {}
    return causes
