"""Why did (or didn't) this message arrive? The whole story of an operation or batch."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import Any

from relay.config import Config
from relay.console.desk import Desk
from relay.console.permalinks import permalink
from relay.console.times import moment
from relay.console.view import Unknown
from relay.console.views import nearby
from relay.console.views.explained import explained
from relay.console.views.lanes import waiting_of
from relay.console.views.operation_facts import Delivered, OperationFacts, OperationQuestion, SilenceFacts
from relay.console.views.related import named, related
from relay.console.views.unreached import unreached
from relay.console.views.verdicts import Around, verdicts
from relay.domain.events import TERMINAL, Event
from relay.domain.facts import Space
from relay.domain.fingerprints import error_words
from relay.domain.jobs import job_of
from relay.domain.outcomes import before, usual
from relay.errors import AmbiguousId
from relay.operating.folding import Repeated, fold
from relay.operating.timeline import facts_of
from relay.policy.matching import Matcher
from relay.policy.reachability import scopes_at
from relay.policy.silences import Silences
from relay.store.history import History
from relay.store.history_rows import Ended
from relay.store.jobs import Jobs
from relay.store.silences import SilenceList
from relay.store.timelines import Timeline

MOST_UNREACHED = 50  # destinations that are named because an event does not reach them
APART = ("at", "edited_at", "copy_name", "link")  # which the store has otherwise


async def operation(desk: Desk, question: OperationQuestion) -> OperationFacts:
    space = Space(question.platform, question.tenant, question.project)
    try:
        timeline = await desk.admin.timeline(question.id, space)
        if timeline is None:
            raise Unknown(nearby.UNKNOWN, near=await nearby.near(desk, question.id), id=question.id)
        history = History(desk.store, partial=True)
        events, ended = await asyncio.gather(
            desk.admin.events(question.id, space),
            history.of_operation(question.id, space),
        )
    except AmbiguousId as error:
        return OperationFacts(
            id=question.id, several=[named(question.id, use) for use in error.spaces if isinstance(use, Space)]
        )
    facts = facts_of(timeline)
    waits = await waiting_of(desk, question.id, space, facts["timeline"])
    return OperationFacts(
        **_stated(timeline, facts),
        error=error_words(events[-1]) if events else "",
        **await _expected(desk, events),
        **await _judged(desk, facts["timeline"], events, ended, waits),
        late_events=sum(line.get("count", 1) for line in facts["timeline"] if line["what"] == "late"),
        deliveries=[_delivered(row) for row in ended],
        timeline=facts["timeline"],
        lines=[item.line if isinstance(item, Repeated) else dict(item) for item in fold(facts["timeline"])],
        related=related(question.id, timeline, events),
    )


def _stated(timeline: Timeline, facts: Mapping[str, Any]) -> dict[str, Any]:
    kept = ("name", "type", "priority", "status", "tenant", "project", "platform", "percentage", "retry", "watchdog")
    return {
        "id": timeline.subject,
        **{name: facts[name] for name in kept},
        "phase": timeline.facts.get("watch:phase", ""),
        "over": facts["status"] in TERMINAL,
        "first": datetime.fromisoformat(facts["first_event_at"]) if facts["first_event_at"] else None,
        "last": datetime.fromisoformat(facts["last_event_at"]) if facts["last_event_at"] else None,
    }


async def _expected(desk: Desk, events: Sequence[Event]) -> dict[str, Any]:
    """When runs of its job usually end, of one that goes on."""
    newest = events[-1] if events else None
    job = job_of(newest, name=newest.job) if newest and not newest.terminal else None
    starts = [event.operation.started for event in events if event.operation and event.operation.started]
    if not job or not starts:
        return {}
    (ends,) = await Jobs(desk.store).ends_of_each([job])
    lasts, start = usual(before([*ends], "", desk.clock())), min(starts).timestamp()
    if lasts is None:
        return {}
    return {"ends": moment(start + lasts.median), "late": desk.clock() > start + lasts.high + lasts.tolerance}


async def _judged(
    desk: Desk,
    timeline: Sequence[Mapping[str, Any]],
    events: Sequence[Event],
    ended: Sequence[Ended],
    waits: Mapping[str, Sequence[str]],
) -> dict[str, Any]:
    config = desk.config()
    scopes = _scopes(config, timeline)
    newest = events[-1] if events else None
    reached = Matcher(config.rules).reached(newest) if newest else ()
    around = Around(
        paused=await _paused(desk, scopes),
        gates={row.destination: row.gates for row in reached},
        sent=_sent(ended),
        dead=_dead(ended),
        waiting={name: len(ids) for name, ids in waits.items()},
        scopes=scopes,
        first={} if newest is None or newest.terminal else _first_messages(desk, timeline),
    )
    rows = verdicts(timeline, around)
    current = Silences((await SilenceList(desk.store).read("")).silences or ())
    silences = current.matching(newest, desk.clock()) if newest else ()
    kept, rules = await explained(desk, events)
    listed, meant = frozenset(row.destination for row in rows), frozenset(row.destination for row in reached)
    aside = listed if _reaches_back(timeline) else listed | meant
    names = sorted(config.destinations, key=lambda name: name not in meant)[:MOST_UNREACHED] if kept else []
    silent = [
        SilenceFacts(id=silence.id, author=silence.author, reason=silence.reason, until=moment(silence.ends),
                     destinations=[*silence.destinations])
        for silence in silences
        if not silence.destinations or (listed | meant).intersection(silence.destinations)
    ]  # fmt: skip
    return {"verdicts": rows, "silences": silent, "events": kept, "unreached": [*unreached(rules, names, aside)]}


def _first_messages(desk: Desk, timeline: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Return by destination the seconds that the first message of this operation waits, where it does now."""
    if not timeline:
        return {}
    lasted = desk.clock() - datetime.fromisoformat(timeline[0]["at"]).timestamp()
    live = {name: its.live.post_after for name, its in desk.config().destinations.items() if its.mode == "live"}
    return {name: seconds for name, seconds in live.items() if lasted < seconds}


def _reaches_back(timeline: Iterable[Mapping[str, Any]]) -> bool:
    """Whether it has all that became of the newest event: of what is over for days the last lines alone are left."""
    return any(line["what"] == "accepted" for line in timeline)


def _scopes(config: Config, timeline: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return by destination the scopes whose pauses hold back its messages."""
    scopes: dict[str, list[str]] = {}
    for name, address in sorted({(line["destination"], line["address"]) for line in timeline if line.get("address")}):
        destination = config.destinations.get(name)
        channel = destination.channel if destination else ""
        scopes.setdefault(name, []).extend(scopes_at(config, name, channel, address))
    return scopes


async def _paused(desk: Desk, scopes: Mapping[str, Sequence[str]]) -> dict[str, tuple[datetime | None, str]]:
    paused = await desk.admin.paused([*chain.from_iterable(scopes.values())])
    return {scope: (moment(since), why) for scope, (since, why) in paused.items()}


def _dead(ended: Sequence[Ended]) -> dict[str, Ended]:
    """Of each destination the newest that died, where nothing arrived at that address since; `ended` newest first.

    Edits that arrive, replayed ones too, are no rows: the message that they changed says when it was edited last.
    """
    edited = {(row.destination, row.address): row.edited_at for row in reversed(ended) if row.edited_at}
    last: dict[tuple[str, str], Ended] = {}
    for row in ended:
        reader = row.destination, row.address
        made_good = row.kind == "live" and edited.get(reader, 0.0) >= row.at
        if row.outcome in ("delivered", "dropped") or (row.outcome == "dead" and not made_good):
            last.setdefault(reader, row)
    return {row.destination: row for row in reversed(last.values()) if row.outcome == "dead"}


def _sent(ended: Iterable[Ended]) -> dict[str, tuple[str, str]]:
    """Of each destination the newest that arrived, which comes first."""
    sent: dict[str, tuple[str, str]] = {}
    for row in ended:
        if row.outcome == "delivered":
            sent.setdefault(row.destination, (permalink(row), row.copy))
    return sent


def _delivered(row: Ended) -> Delivered:
    values = {name: getattr(row, name) for name in Delivered.model_fields if name not in APART}
    return Delivered(
        **values, at=moment(row.at), edited_at=moment(row.edited_at), copy_name=row.copy, link=permalink(row)
    )
