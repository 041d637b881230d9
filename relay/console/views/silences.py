"""What nobody hears of for a while: the silences that hold, that are to come, and that are over."""

from collections.abc import Sequence
from datetime import datetime

from pydantic import Field

from relay.console.desk import Desk
from relay.console.questions import Silenced, Typed
from relay.console.times import moment
from relay.console.view import Facts, Question
from relay.domain.events import PRIORITIES
from relay.domain.silences import Silence, Then
from relay.policy.recipients import NAME
from relay.store.silences import SilenceList

MOST_OVER = 100


class SilencesQuestion(Silenced, Question):
    """What the form for a new one is filled with; several values where a name stands several times, or by lines."""

    lasts: Typed = ""
    until: Typed = ""
    begins: Typed = ""
    then: Then = "summary"
    reason: Typed = ""


class SilenceFacts(Facts):
    """Times are in UTC. All of `matchers` must hold, any one word of each; without one it is for everything.

    held  messages that wait for its end now; None where they are not kept, or it is over
    """

    id: str
    state: str
    begins: datetime | None
    ends: datetime | None
    matchers: dict[str, list[str]]
    then: str
    author: str
    reason: str
    held: int | None


class SilencesFacts(Facts):
    """Those that are not over by their ends; `over` of the last 30 days, the newest first, at most 100."""

    active: list[SilenceFacts]
    pending: list[SilenceFacts]
    over: list[SilenceFacts]
    destinations: list[str] = Field(description="Names that one may be for.")
    priorities: list[str]


async def silences(desk: Desk, _question: SilencesQuestion) -> SilencesFacts:
    now, kept, config = desk.clock(), SilenceList(desk.store), desk.config()
    every = await kept.all()
    by_state = {state: [row for row in every if row.state(now) == state] for state in ("active", "pending", "expired")}
    held = await kept.held([row.id for row in by_state["active"]])
    over = sorted(by_state["expired"], key=lambda row: -row.ends)[:MOST_OVER]
    dynamic = [NAME] if config.dynamic_destinations else []
    return SilencesFacts(
        active=_facts(by_state["active"], now, held),
        pending=_facts(by_state["pending"], now, {}),
        over=_facts(over, now, {}),
        destinations=[*config.destinations, *dynamic],
        priorities=[*PRIORITIES],
    )


def _facts(rows: Sequence[Silence], now: float, held: dict[str, int]) -> list[SilenceFacts]:
    return [
        SilenceFacts(
            id=row.id,
            state=row.state(now),
            begins=moment(row.starts),
            ends=moment(row.ends),
            matchers={name: [*words] for name, words in row.matchers().items()},
            then=row.then,
            author=row.author,
            reason=row.reason,
            held=held.get(row.id),
        )
        for row in rows
    ]
