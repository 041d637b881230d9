"""Preview of a silence: runs that go on and messages already sent that it would hold, by what is known of them."""

from collections.abc import Mapping, Sequence
from typing import Any

from relay.config import Config
from relay.console.context import Context
from relay.console.facts import Facts
from relay.domain.jobs import Job, fold
from relay.policy.silences import Silence, matcher
from relay.store.queries.history import History
from relay.store.queries.jobs import Jobs
from relay.store.queries.operations import Operations
from relay.store.queries.questions import OfOperation

DAY = 86_400.0
MATCHERS = {"destination": "destinations", "job": "jobs", "type": "types", "priority": "priorities",
            "tenant": "tenants", "project": "projects"}  # fmt: skip
MOST_NAMED = 6
MOST_RUNS, MOST_MESSAGES, PAGE = 500, 1000, 200  # that are looked at


class Withheld(Facts):
    """Runs that go on now, and messages of the last 24 hours; `more`: not all of them were looked at.

    `names` of the first runs of both.
    """

    runs: int
    messages: int
    more: bool
    names: list[str]


async def withheld(context: Context, matchers: Mapping[str, list[str]]) -> Withheld:
    """Count, and name a few of, what a silence of these would hold."""
    now, config, history = context.clock(), context.config(), History(context.store)
    silence = Silence("", "", "", now, now, now, **words_of(config, matchers))
    fits = matcher(silence)
    going = [row.operation for row in await Operations(context.store).running(MOST_RUNS)]

    async def meant(rows: Sequence[OfOperation]) -> list[str]:
        stated = await _stated(context, rows)
        return [row.name or row.subject for row, its in zip(rows, stated, strict=True) if fits(its)]

    runs, messages, looked, cursor = await meant(going), list[str](), 0, ""
    while looked < MOST_MESSAGES:
        page = await history.page(outcome="delivered", since=now - DAY, cursor=cursor, limit=PAGE)
        looked, cursor = looked + len(page.rows), page.cursor
        at_one = [row for row in page.rows if row.subject and silence.is_at(row.destination)]
        messages += await meant(at_one)
        if not cursor:
            break
    names = [*dict.fromkeys(runs + messages)][:MOST_NAMED]
    more = bool(cursor) or len(going) == MOST_RUNS
    return Withheld(runs=len(runs), messages=len(messages), more=more, names=names)


def words_of(config: Config, matchers: Mapping[str, list[str]]) -> dict[str, Any]:
    """Return what a silence of these matches by; a destination of several stands for each of them."""
    words: dict[str, Any] = {MATCHERS[name]: (*some,) for name, some in matchers.items()}
    words["destinations"] = tuple(single for name in words["destinations"] for single in config.destinations_of(name))
    return words


async def _stated(context: Context, rows: Sequence[OfOperation]) -> list[Mapping[str, tuple[str, ...]]]:
    """Return what is known of each that a silence looks at: its job by the template, else by the run's name."""
    if context.config().job:
        jobs = await Jobs(context.store).named(row.operation for row in rows)
    else:
        jobs = {row.operation: Job("", "", "", row.type, fold(row.name)) for row in rows if row.name}
    return [
        {
            "jobs": (row.name, *((job.name, job.title) if (job := jobs.get(row.operation)) else ())),
            "types": (row.type,),
            "priorities": (row.priority,),
            "tenants": (row.tenant,),
            "projects": (row.project,),
        }
        for row in rows
    ]
