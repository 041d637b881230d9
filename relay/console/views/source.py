"""What came from a source, and what was refused: for each reason what it means, and what to do."""

import asyncio
from datetime import datetime

from pydantic import Field

from relay.console.desk import Desk
from relay.console.phrases import Phrase, phrase
from relay.console.times import moment
from relay.console.view import Facts, Near, Question, Unknown
from relay.console.views.parts import SourceHealth, sources
from relay.console.views.refusals import REASONS
from relay.console.words import said
from relay.store.refusals import Refusals

DAYS = 7
MOST = 20  # of each reason


class SourceQuestion(Question):
    """Without a name: what came to addresses that are no source."""

    name: str = Field(default="", max_length=200)


class RefusalFacts(Facts):
    """One that was refused. `quarantined`: the id of its body, where it was kept."""

    at: datetime | None
    peer: str
    quarantined: str


class RefusedFacts(Facts):
    """A reason for which requests of the last days were refused."""

    reason: str
    meaning: Phrase
    advice: Phrase
    count: int
    first: datetime | None
    last: datetime | None
    newest: list[RefusalFacts]


class SourceFacts(Facts):
    """`requests` are counted since this process began, `refused` over `days` by all processes."""

    name: str
    scheme: str
    platform: str
    event: str
    requests: SourceHealth | None
    days: int
    refused: list[RefusedFacts]


async def source(desk: Desk, question: SourceQuestion) -> SourceFacts:
    name, own = question.name, desk.config().sources.get(question.name)
    refusals = Refusals(desk.store.redis)
    rows = [row for row in await refusals.totals(desk.clock(), DAYS) if row.source == name]
    if name and own is None and not rows:
        near = [Near(f"/console/source?name={other}", "%(name)s", {"name": other}) for other in desk.config().sources]
        raise Unknown(said("There is no source %(name)s."), near=near, name=name)
    newest = await asyncio.gather(*(refusals.recent(name, row.reason, MOST) for row in rows))
    unexplained = (said("Refused."), said("The log says more (event.refused)."))
    return SourceFacts(
        name=name,
        scheme=own.signature.scheme if own else "",
        platform=own.platform if own else "",
        event=own.event if own else "",
        requests=next((row for row in await sources(desk) if row.name == name), None),
        days=DAYS,
        refused=[
            RefusedFacts(
                reason=row.reason,
                meaning=phrase(REASONS.get(row.reason, unexplained)[0]),
                advice=phrase(REASONS.get(row.reason, unexplained)[1]),
                count=row.count,
                first=moment(row.first),
                last=moment(row.last),
                newest=[
                    RefusalFacts(at=moment(kept.at), peer=kept.peer, quarantined=kept.quarantined) for kept in some
                ],
            )
            for row, some in zip(rows, newest, strict=True)
        ],
    )
