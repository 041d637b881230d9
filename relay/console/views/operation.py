"""An operation or batch: why its messages did, or did not, arrive."""

import asyncio
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import Any

from pydantic import Field

from relay.config import Config
from relay.console.context import Context
from relay.console.facts import Facts, Question, Time
from relay.console.views.deliveries import DeliveryFacts, ended_facts, permalink, waiting_facts
from relay.console.views.operations import expected, run_page
from relay.console.views.related import (
    Explained,
    Named,
    explained,
    listed_members,
    one_of_several,
    related,
    unknown,
    with_job,
)
from relay.console.views.silences import SilenceFacts, silence_facts
from relay.console.views.verdicts import Around, Verdict, missed, verdicts
from relay.domain.digest_entries import went_wrong
from relay.domain.events import TERMINAL, Event
from relay.domain.facts import Space
from relay.domain.identity import STACKS, error_of, error_words
from relay.domain.jobs import Job
from relay.domain.masking import masked
from relay.domain.outcomes import before
from relay.engine import names
from relay.engine.records import Operation
from relay.errors import AmbiguousId
from relay.operating.timeline import facts_of, fold
from relay.policy.reachability import scopes_at
from relay.policy.silences import Silences
from relay.rendering.jobs import trace_of
from relay.store.queries.history import Ended, History
from relay.store.queries.jobs import Jobs
from relay.store.queries.operations import causes, shown_status
from relay.store.queries.silences import SilenceList
from relay.store.queries.waiting import Place, Waiting

MOST_WAITING, MOST_SHOWN = 50, 50_000  # deliveries, and characters of an error, that are shown
IN_ERROR = ("code", "errorCode", "message", "errorMessage", "detail", *STACKS)  # what stands above the rest


class OperationQuestion(Question):
    """`id` is the operation's or batch's; the rest says whose, where several use the id."""

    id: str = Field(min_length=1, max_length=500)
    tenant: str = ""
    project: str = ""
    platform: str = ""


class OperationFacts(Facts):
    """`several`: the operations with this id, if there is more than one; all else is empty then.

    deliveries  those that wait, then those that ended
    shown     status as people read it, as in lists
    error     of its newest event: code and cause; of a batch with failures a line for each cause; `trace`: all that it
              states, if that says more
    link      to its page at the platform
    job       by which it is silenced
    silences  that match the newest event now
    ends      when runs of its job usually end; `late`: overdue
    timeline  as `relay explain ID --json` prints it; `lines`: folded
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
    shown: str = ""
    percentage: float | None = None
    phase: str = ""
    retry: float | None = None
    error: str = ""
    trace: str = ""
    link: str = ""
    job: str = ""
    over: bool = False
    first: Time = None
    last: Time = None
    ends: Time = None
    late: bool = False
    watchdog: dict[str, Any] | None = None
    verdicts: list[Verdict] = Field(default_factory=list)
    late_events: int = 0
    silences: list[SilenceFacts] = Field(default_factory=list)
    deliveries: list[DeliveryFacts] = Field(default_factory=list)
    timeline: list[dict[str, Any]] = Field(default_factory=list)
    lines: list[dict[str, Any]] = Field(default_factory=list, exclude=True)
    events: list[Explained] = Field(default_factory=list)
    related: list[Named] = Field(default_factory=list)


async def operation(context: Context, question: OperationQuestion) -> OperationFacts:
    space, id_ = Space(question.platform, question.tenant, question.project), question.id
    try:
        timeline = await context.admin.timeline(id_, space)
        if timeline is None:
            raise await unknown(context, id_)
        history = History(context.store)
        events, ended = await asyncio.gather(context.admin.events(id_, space), history.of_operation(id_, space))
    except AmbiguousId as error:
        several = [one_of_several(id_, use) for use in error.spaces if isinstance(use, Space)]
        return OperationFacts(id=id_, several=several)
    events = [with_job(event, context.config().job, events) for event in events]
    job = await Jobs(context.store).of(events[-1]) if events else None
    members = listed_members(events)
    with_page = await context.admin.kept_of(members) if members else ()
    facts = facts_of(timeline)
    lines = facts["timeline"]
    return OperationFacts.merged(
        **{name: value for name, value in facts.items() if name in OperationFacts.model_fields},
        id=timeline.subject,
        shown=shown_status(timeline.operation),
        phase=timeline.operation.phase,
        over=facts["status"] in TERMINAL,
        first=facts["first_event_at"],
        last=facts["last_event_at"],
        link=run_page(context.config(), timeline.operation.summary, Space.of(timeline.operation.facts)),
        job=job.name if job else "",
        **_why(timeline.operation, events[-1] if events else None),
        **await _expected(context, job, events),
        **await _judged(context, lines, events, ended),
        late_events=sum(line.get("count", 1) for line in lines if line["what"] == "late"),
        deliveries=[*await _waiting(context, id_, space, lines), *(ended_facts(row) for row in ended)],
        lines=fold(lines),
        related=[*related(id_, timeline, events, job, with_page)],
    )


def _why(o: Operation, event: Event | None) -> dict[str, str]:
    if event is None or event.about_batch:
        return {"error": "\n".join(causes(o)) if went_wrong(o.summary) else ""}
    document = error_of(event)
    rest = {name: value for name, value in document.items() if name not in IN_ERROR and value not in ("", None)}
    more = masked(json.dumps(rest, ensure_ascii=False, indent=2)[:MOST_SHOWN]) if rest else ""
    trace = "\n\n".join(filter(None, (trace_of(document), more)))[:MOST_SHOWN]
    return {"error": error_words(event), "trace": trace}


async def _waiting(
    context: Context, id_: str, space: Space, timeline: Iterable[Mapping[str, Any]]
) -> list[DeliveryFacts]:
    """Return its deliveries that wait. `timeline` says to which addresses there were any."""
    queued = {(line["destination"], line["address"]) for line in timeline if line["what"] == "queued"}
    store = Waiting(context.store)
    lanes = await store.of_operation(id_, space, {*_places(context, queued)})
    ids = [*chain.from_iterable(lanes.values())]
    return await waiting_facts(context, await store.named(ids[:MOST_WAITING], context.clock()))


def _places(context: Context, queued: Iterable[tuple[str, str]]) -> Iterator[Place]:
    """Yield each with all its possible homes: channels and limits may have been others."""
    for channel in context.config().channels:
        reader_of = getattr(context.kinds.get(channel), "reader_of", str)
        for name, address in queued:
            for home in {names.home(channel, text) for text in (address, "", reader_of(address))}:
                yield home, name, address


async def _expected(context: Context, job: Job | None, events: Sequence[Event]) -> dict[str, Any]:
    """Return when runs of its job usually end, of one that goes on."""
    starts = [event.operation.started for event in events if event.operation and event.operation.started]
    if not job or not starts or events[-1].terminal:
        return {}
    (ends,) = await Jobs(context.store).ends_of_each([job])
    return expected(before([*ends], "", context.clock()), min(starts).timestamp(), context.clock())


async def _judged(
    context: Context,
    timeline: Sequence[Mapping[str, Any]],
    events: Sequence[Event],
    ended: Sequence[Ended],
) -> dict[str, Any]:
    config, scopes = context.config(), _scopes(context.config(), timeline)
    newest = events[-1] if events else None
    reached = config.matcher.reached(newest) if newest else ()
    paused = await context.admin.paused([*chain.from_iterable(scopes.values())])
    arrived = {row.destination: permalink(row) for row in reversed(ended) if row.outcome == "delivered"}
    around = Around(
        paused={scope: why for scope, (_, why) in paused.items()},
        sent=arrived,
        dead=_dead(ended),
        scopes=scopes,
        first={} if newest is None or newest.terminal else _first_messages(context, timeline),
    )
    rows = verdicts(timeline, around)
    current = Silences(await SilenceList(context.store).lasting())
    silences = current.matching(newest, context.clock()) if newest else ()
    listed, meant = frozenset(row.destination for row in rows), frozenset(row.destination for row in reached)
    by_rules = await explained(context, events)
    rules = chain.from_iterable(event.explanation["rules"] for event in by_rules)
    return {
        "verdicts": rows + missed(rules, listed),
        "events": by_rules,
        "silences": [
            silence_facts(silence, context.clock())
            for silence in silences
            if not silence.destinations or (listed | meant).intersection(silence.destinations)
        ],
    }


def _first_messages(context: Context, timeline: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Return by destination the seconds that the first message of this operation waits, where it does now."""
    if not timeline:
        return {}
    lasted = context.clock() - datetime.fromisoformat(timeline[0]["at"]).timestamp()
    live = {name: its.live.post_after for name, its in context.config().destinations.items() if its.mode == "live"}
    return {name: seconds for name, seconds in live.items() if lasted < seconds}


def _scopes(config: Config, timeline: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return by destination the scopes whose pauses hold back its messages."""
    scopes: dict[str, list[str]] = {}
    for name, address in sorted({(line["destination"], line["address"]) for line in timeline if line.get("address")}):
        destination = config.destinations.get(name)
        channel = destination.channel if destination else ""
        scopes.setdefault(name, []).extend(scopes_at(config, name, channel, address))
    return scopes


def _dead(ended: Sequence[Ended]) -> dict[str, Ended]:
    """Return by destination the newest dead letter whose address got nothing since, not even an edit."""
    edited = {(row.destination, row.address): row.edited_at for row in reversed(ended) if row.edited_at}
    last: dict[tuple[str, str], Ended] = {}
    for row in ended:
        reader = row.destination, row.address
        made_good = row.kind == "live" and edited.get(reader, 0.0) >= row.at
        if row.outcome in ("delivered", "dropped") or (row.outcome == "dead" and not made_good):
            last.setdefault(reader, row)
    return {row.destination: row for row in reversed(last.values()) if row.outcome == "dead"}
