"""The quarantine: signed bodies that made no sense, and what relay itself failed on."""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from relay.console.desk import Desk
from relay.console.payloads import laid_out
from relay.console.phrases import Phrase, phrase
from relay.console.questions import Name, When, seconds_of
from relay.console.times import moment
from relay.console.view import Facts, Question, Unknown
from relay.console.views.rules import nearest
from relay.console.words import NO_PAGE, said
from relay.domain.permissions import LIMIT
from relay.errors import AmbiguousId, HandlingFailed, InvalidEvent, NotJson, RelayError, StoreUnavailable
from relay.operating.entries import quarantined_named
from relay.operating.explanation import explanation_of
from relay.operating.quarantine import event_of
from relay.store.quarantine import Quarantined
from relay.store.quarantine_pages import QuarantinePages, QuarantineQuery

Kind = Literal["", "fault", "refused"]


class QuarantineFilter(Question):
    """All must hold; '' for any. `kind`: what relay itself failed on, or what it refused; `since` is `2h` (ago), or a
    time.
    """

    source: Name = ""
    kind: Kind = ""
    since: When = ""

    @property
    def given(self) -> dict[str, str]:
        return {name: text for name in QuarantineFilter.model_fields if (text := getattr(self, name))}


class QuarantineQuestion(QuarantineFilter):
    """`cursor`: of the page before."""

    cursor: Name = ""


class QuarantineAllQuestion(QuarantineFilter):
    """`verb` is what shall be done with all of them."""

    verb: str = Field("replay", pattern="^(replay|drop)$")


class QuarantinedQuestion(Question):
    """The id of one."""

    id: Name


class QuarantinedFacts(Facts):
    """A body from `source` that came at this time (UTC). `fault`: relay itself failed on it, at the place that the
    reason names. `size` in bytes, null where bodies are sealed.
    """

    id: str
    source: str
    reason: str
    fault: bool
    came: datetime
    size: int | None


class QuarantineFacts(Facts):
    """Faults first, then the newest. `total` is how many there are, `matching` how many of them the filters mean."""

    total: int
    faults: int
    matching: int
    rows: list[QuarantinedFacts]
    cursor: str
    sources: list[str]


class QuarantineAllFacts(Facts):
    """How many all that match would be; `since` and `before` (seconds since the epoch) go with the act: what comes
    later is not meant.
    """

    since: datetime | None
    count: int
    before: float


class QuarantinedBodyFacts(QuarantinedFacts):
    """With what came: `headers` that say what it is, and the body, laid out where it is JSON; `cut`: its end is left
    out.
    """

    headers: dict[str, str]
    body: str
    cut: bool


NAMES = {
    "event": said("Event"),
    "source": said("Source"),
    "subject": said("Operation or batch"),
    "name": said("Name"),
    "type": said("Type"),
    "priority": said("Priority"),
    "status": said("Status"),
    "percentage": said("Progress"),
    "phase": said("Phase"),
    "tenant": said("Tenant"),
    "project": said("Project"),
}


class TrialFacts(Facts):
    """What a replay would do now; nothing is done. `refused` says why it still could not be taken, '' if it could.

    event        what it would be, and of which operation
    rules        each with its conditions, and whether they hold; `more_rules` miss more of theirs than these
    destinations whom it would reach, and what may hold it back there
    """

    id: str
    source: str
    refused: str
    event: dict[str, Any] | None
    rules: list[dict[str, Any]]
    more_rules: int
    destinations: list[dict[str, Any]]
    limits: list[Phrase]

    @property
    def stated(self) -> list[tuple[str, Any]]:
        """What the event states, each with its name in words."""
        event = self.event or {}
        return [(NAMES[name], value) for name, value in event.items() if value not in ("", None)]


def query_of(desk: Desk, filters: QuarantineFilter, until: float | None = None) -> QuarantineQuery:
    fault = None if not filters.kind else filters.kind == "fault"
    return QuarantineQuery(filters.source, fault, seconds_of(desk, filters.since), until)


async def quarantine(desk: Desk, question: QuarantineQuestion) -> QuarantineFacts:
    try:
        page = await QuarantinePages(desk.store).page(query_of(desk, question), cursor=question.cursor)
    except ValueError:
        raise Unknown(NO_PAGE) from None
    return QuarantineFacts(
        total=await desk.admin.quarantine_size(),
        faults=await desk.admin.faults(),
        matching=page.matching,
        rows=[
            QuarantinedFacts(
                id=row.id, source=row.source, reason=row.reason, fault=row.fault, came=row.at, size=row.size
            )
            for row in page.rows
        ],
        cursor=page.cursor,
        sources=sorted(desk.config().sources),
    )


async def every(desk: Desk, question: QuarantineAllQuestion) -> QuarantineAllFacts:
    before = desk.clock()
    query = query_of(desk, question, before)
    page = await QuarantinePages(desk.store).page(query, most=1)
    return QuarantineAllFacts(since=moment(query.since), count=page.matching, before=before)


async def quarantined(desk: Desk, question: QuarantinedQuestion) -> QuarantinedBodyFacts:
    kept = await _named(desk, question.id)
    body, cut = laid_out(kept.body)
    return QuarantinedBodyFacts(
        id=kept.id,
        source=kept.source,
        reason=kept.reason,
        fault=kept.fault,
        came=kept.at,
        size=len(kept.body),
        headers=dict(kept.headers),
        body=body,
        cut=cut,
    )


async def trial(desk: Desk, question: QuarantinedQuestion) -> TrialFacts:
    kept = await _named(desk, question.id)
    try:
        event, permissions = event_of(kept, desk.config(), desk.clock())
        explained = explanation_of(event, desk.config(), desk.kinds, say=lambda hold: phrase(hold.of, **hold.values))
    except (NotJson, AmbiguousId, InvalidEvent, HandlingFailed) as error:
        return _trial(kept, refused=str(error))
    rules = nearest(explained["rules"])
    return _trial(
        kept,
        rules=rules,
        more_rules=len(explained["rules"]) - len(rules),
        limits=[phrase(LIMIT, source=permissions.source)] if permissions and permissions.limits else [],
        **{name: explained[name] for name in ("event", "destinations")},
    )


def _trial(kept: Quarantined, refused: str = "", **explained: Any) -> TrialFacts:
    facts: dict[str, Any] = {"event": None, "rules": [], "more_rules": 0, "destinations": [], "limits": []}
    return TrialFacts(id=kept.id, source=kept.source, refused=refused, **(facts | explained))


async def _named(desk: Desk, name: str) -> Quarantined:
    try:
        kept = await quarantined_named(desk.admin, name)
    except StoreUnavailable:
        raise
    except RelayError as error:
        raise Unknown(str(error)) from None
    if kept is None:
        raise Unknown(
            said("%(name)s is not in the quarantine: it was replayed or dropped, or never was there"), name=name
        )
    return kept
