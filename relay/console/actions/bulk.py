"""Replaying and dropping dead letters and quarantined bodies: those that are named, or all that filters hold for."""

from collections.abc import Sequence
from functools import partial

from pydantic import Field, model_validator

from relay.console.access import Identity
from relay.console.context import Context, seconds_of
from relay.console.facts import LATER, Filters, Form, Ids
from relay.console.view import Done
from relay.console.views.dead import DeadFilters
from relay.console.views.quarantine import QuarantineFilters, query_of
from relay.operating.acts import names_of
from relay.operating.blockers import Blockers
from relay.operating.sweeps import STEP, NextPage, Step, Swept, drop, replay_dead, replay_quarantined, sweep, take
from relay.store.queries.dead_letters import DeadPages

EVERY = "all that match"  # as the audit trail says it
NONE_CHOSEN = "Nothing was done: choose at least one first."
DONE = {
    "dead replay": "put back into the queue, with fresh attempts.",
    "quarantine replay": "taken as events.",
    "dead drop": "dropped for good.",
    "quarantine drop": "dropped from the quarantine for good.",
}
MORE = "There are more: do it again to go on."
UNFOUND = "Nothing was done: none of the newest matches, and there are more than could be examined."
ALL_GONE = "Nothing was done: somebody else has just replayed or dropped it."


class BulkForm(Filters, Form):  # the last one says that unknown fields are refused
    """`id` names some; `every`: all that match the filters and are older than `before` (seconds since the epoch)."""

    id: Ids = Field(default_factory=list)
    every: bool = False
    before: float | None = Field(None, gt=0, lt=1e11)

    @model_validator(mode="after")
    def _one_way(self) -> "BulkForm":
        if "id" in self.model_fields_set and self.every:  # also an empty one: it may be a variable that is not set
            raise ValueError("expected either ids, or every with filters")
        return self


class DeadForm(DeadFilters, BulkForm):
    """Dead letters."""


class QuarantineForm(QuarantineFilters, BulkForm):
    """Quarantined bodies."""


async def replay_letters(context: Context, form: DeadForm, identity: Identity) -> Done:
    blockers = Blockers(context.store, context.admin, context.config(), context.clock())
    step = replay_dead(context.admin, blockers)
    return await _act(context, form, identity, "dead replay", (step, _letters(context, form)))


async def drop_letters(context: Context, form: DeadForm, identity: Identity) -> Done:
    return await _act(context, form, identity, "dead drop", (drop(context.admin.drop), _letters(context, form)))


async def replay_bodies(context: Context, form: QuarantineForm, identity: Identity) -> Done:
    """They are read again by today's rules, and ingested."""
    taking = partial(take, config=context.config(), ingest=context.ingest, now=context.clock())
    step = replay_quarantined(context.store.bodies, taking)
    return await _act(context, form, identity, "quarantine replay", (step, _bodies(context, form)))


async def drop_bodies(context: Context, form: QuarantineForm, identity: Identity) -> Done:
    step = drop(context.store.bodies.release)
    return await _act(context, form, identity, "quarantine drop", (step, _bodies(context, form)))


def _letters(context: Context, form: DeadForm) -> NextPage:
    pages, means = DeadPages(context.store), form.matches
    since, before = seconds_of(context, form.since), form.before or context.clock()

    async def next_page(cursor: str) -> tuple[Sequence[str], str]:
        page = await pages.page(means, since=since, until=before, cursor=cursor, limit=STEP, whole=False)
        return [row.id for row in page.rows], page.cursor

    return next_page


def _bodies(context: Context, form: QuarantineForm) -> NextPage:
    query = query_of(context, form, form.before or context.clock())

    async def next_page(cursor: str) -> tuple[Sequence[str], str]:
        page = await context.store.bodies.page(query, cursor=cursor, limit=STEP)
        return [row.id for row in page.rows], page.cursor

    return next_page


async def _act(context: Context, form: BulkForm, identity: Identity, action: str, how: tuple[Step, NextPage]) -> Done:
    step, next_page = how
    if form.id:
        swept = Swept()
        async with context.act(identity, action, names_of(form.id)) as act:
            await step(form.id, swept)
            act.outcome = f"{swept.done} of {len(form.id)}{_later(swept)}"
    elif form.every:
        async with context.act(identity, action, EVERY, **form.given) as act:
            swept = await sweep(step, next_page)
            more = ", and there are more" if swept.more else ""
            act.outcome = f"{swept.done}{f', {swept.stay.total()} stay' if swept.stay else ''}{_later(swept)}{more}"
    else:
        return Done(NONE_CHOSEN, refused=True)
    return outcome(action, swept)


def _later(swept: Swept) -> str:
    return f", {swept.later} not done yet" if swept.later else ""


def outcome(action: str, swept: Swept) -> Done:
    failed = swept.stay.total() + swept.later
    facts = {"count": swept.done, "failed": failed, "gone": swept.gone, "notes": swept.notes}
    parts = [
        f"{swept.done} {DONE[action]}" if swept.done else f"Nothing was done: {swept.notes}." if swept.notes else "",
        f"{swept.gone} somebody else has just replayed or dropped." if swept.done and swept.gone else "",
        f"{swept.notes}." if swept.done and swept.notes else "",
        LATER if swept.later else "",
        MORE if swept.more and (swept.done or swept.notes or swept.later) else "",
    ]
    text = " ".join(filter(None, parts)) or (UNFOUND if swept.more else ALL_GONE)
    return Done(text, refused=not swept.done, facts=facts)
