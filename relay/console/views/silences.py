"""Silences: those that hold, that are to come, and that are over."""

from collections.abc import Mapping

from pydantic import BaseModel, Field

from relay.console.context import Context
from relay.console.facts import Facts, Names, Question, Time, Typed
from relay.domain.events import PRIORITIES
from relay.domain.silences import Silence, Then
from relay.operating.pauses import destination_names
from relay.store.silences import SilenceList

MOST_OVER = 100


class Silenced(BaseModel):
    """Matchers of a silence: all that are named must hold, any one word of each; or `everything`."""

    destination: Names = Field(default_factory=list)
    job: Names = Field(default_factory=list)
    type: Names = Field(default_factory=list)
    priority: Names = Field(default_factory=list)
    tenant: Names = Field(default_factory=list)
    project: Names = Field(default_factory=list)
    everything: bool = False


class SilencesQuestion(Silenced, Question):
    """Values for the form of a new one; several where a name stands several times, or by lines."""

    lasts: Typed = ""
    until: Typed = ""
    begins: Typed = ""
    then: Then = "summary"
    reason: Typed = ""


class SilenceFacts(Facts):
    """All of `matchers` must hold, any one word of each; without one it is for everything.

    held  messages that wait for its end now; None where they are not kept, or it is over
    """

    id: str
    state: str
    begins: Time
    ends: Time
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
    priorities: list[str] = Field([*PRIORITIES])


async def silences(context: Context, _question: SilencesQuestion) -> SilencesFacts:
    now, kept = context.clock(), SilenceList(context.store)
    every = await kept.all()
    by_state = {state: [row for row in every if row.state(now) == state] for state in ("active", "pending", "expired")}
    held = await kept.held([row.id for row in by_state["active"]])
    over = sorted(by_state["expired"], key=lambda row: -row.ends)[:MOST_OVER]
    return SilencesFacts(
        active=[silence_facts(row, now, held) for row in by_state["active"]],
        pending=[silence_facts(row, now) for row in by_state["pending"]],
        over=[silence_facts(row, now) for row in over],
        destinations=destination_names(context.config()),
    )


def silence_facts(row: Silence, now: float, held: Mapping[str, int] | None = None) -> SilenceFacts:
    counted = (held or {}).get(row.id)
    return SilenceFacts.merged(row, state=row.state(now), begins=row.starts, matchers=row.matchers(), held=counted)
