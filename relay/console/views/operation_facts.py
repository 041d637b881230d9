"""What is asked and answered of one operation or batch."""

from datetime import datetime
from typing import Any

from pydantic import Field

from relay.console.view import Facts, Question
from relay.console.views.explained import Explained
from relay.console.views.related import Named
from relay.console.views.verdicts import Verdict


class OperationQuestion(Question):
    """`id` is the operation's or batch's; the rest says whose, where several use the id."""

    id: str = Field(min_length=1, max_length=500)
    tenant: str = ""
    project: str = ""
    platform: str = ""


class Delivered(Facts):
    """A delivery that ended; `took` in seconds. `copy_name` finds the message as it was sent, where copies are kept.

    `link` leads to where people see it, '' where there is no such place; else `detail` is what was answered.
    """

    id: str
    destination: str
    channel: str
    address: str
    kind: str
    event: str
    outcome: str
    reason: str
    detail: str
    attempts: int
    at: datetime
    took: float
    edits: int
    edited_at: datetime | None
    copy_name: str
    link: str


class SilenceFacts(Facts):
    """A silence that means the newest event now, at these destinations (none: at all)."""

    id: str
    author: str
    reason: str
    until: datetime | None
    destinations: list[str]


class OperationFacts(Facts):
    """`several` has those that use the id, where more than one does: nothing else is filled in then.

    error     what its newest event says that went wrong
    ends      when runs of its job usually end; late: it should have
    timeline  as `relay explain ID --json` prints it; `lines` is that with what repeats counted
    """

    id: str
    tenant: str = ""
    project: str = ""
    platform: str = ""
    several: list[Named] = Field(default_factory=list)
    name: str = ""
    type: str = ""
    priority: str = ""
    status: str = ""
    percentage: float | None = None
    phase: str = ""
    retry: float | None = None
    error: str = ""
    over: bool = False
    first: datetime | None = None
    last: datetime | None = None
    ends: datetime | None = None
    late: bool = False
    watchdog: dict[str, Any] | None = None
    verdicts: list[Verdict] = Field(default_factory=list)
    unreached: list[Verdict] = Field(default_factory=list)
    late_events: int = 0
    silences: list[SilenceFacts] = Field(default_factory=list)
    deliveries: list[Delivered] = Field(default_factory=list)
    timeline: list[dict[str, Any]] = Field(default_factory=list)
    lines: list[dict[str, Any]] = Field(default_factory=list, exclude=True)
    events: list[Explained] = Field(default_factory=list)
    related: list[Named] = Field(default_factory=list)
