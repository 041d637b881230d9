"""A store in which everything that others may word is hostile: senders, people, the other sides, the configuration."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from copy import deepcopy
from datetime import UTC, datetime
from itertools import cycle
from typing import Any

from relay.channels import CHANNELS
from relay.config import Config, parse_config
from relay.domain.deliveries import Delivery, Receipt
from relay.policy.notices import DEAD, REFUSED, STORE, Cause, Trouble, Troubles
from relay.policy.retry import Pause
from relay.receiving.probes import Readiness
from relay.store import Store
from relay.store.audit import Act, AuditTrail
from relay.store.bodies import Bodies
from relay.store.queries.reachability import OperatorPauses
from relay.store.queries.runs import TroubleMemory
from relay.store.queries.silences import SilenceList
from relay.store.queries.suppressions import Suppressions
from tests.support.clock import Clock
from tests.support.console import Open, console
from tests.support.events import event_of
from tests.support.queue import claim
from tests.support.samples import bodies
from tests.support.silences import silence
from tests.support.stage import SECRET

SOURCE = "async-operations"
LINK = "https://acme.slack.com/archives/C1/p1705749600"
# Each says `planted` in what it would bring into a page.
WORDS: Mapping[str, str] = {
    "script": "<script planted>x</script>",
    "cell": "</td></tr></table></dl></pre></main><script planted>x</script>",
    "drawing": "</title></svg><svg planted onload=x>",
    "quote": '" planted autofocus tabindex=0 onfocus="x" x="',
    "apostrophe": "' planted autofocus tabindex=0 onfocus='x' x='",
    "bare": "x planted autofocus onfocus=x ",
    "field": "</textarea></select></option></title><input planted autofocus onfocus=x>",
    "frame": "<iframe planted srcdoc='x'></iframe>",
    "address": "javascript:planted",
    "elsewhere": 'https://planted.example/"><script planted></script>',
    "htmx": "<b planted hx-get=/planted hx-trigger=load hx-swap=outerHTML hx-target=body></b>",
    "template": "{{ planted }}{% planted %}${planted}",
    "format": "%(planted)s %s %d %% {planted}",
    "stream": "x\r\nevent: planted\r\ndata: <script planted></script>\r\n\r\ndata: x",
    "time": "planted 2026-13-01 10:00:00 UTC 0001-01-01 00:00:00 UTC",
    "nul": "<\x00script planted>x</script>",
}
# What says which event it is, and when: with anything else there, it is none.
IDENTITY = {"event", "timestamp", "status", "startTime", "endTime", "dateCreated", "timeoutAt"}
RUNS = {
    "failed": ("operation.started", "operation.failed"), "batch": ("batch.started", "batch.operation.completed"),
    "goes on": ("operation.started", "operation.phase.completed", "operation.progress"),
    "over": ("operation.completed",),
}  # fmt: skip


def spoilt(document: Mapping[str, Any], word: str, **known: Any) -> dict[str, Any]:
    """Return the document with this word in every text, in names of its own, and `known` as they are."""

    def walk(value: Any, key: str) -> Any:
        if isinstance(value, dict):
            return {name: walk(inner, name) for name, inner in value.items()} | {word: word}
        if isinstance(value, list):
            return [walk(inner, key) for inner in value]
        if not isinstance(value, str) or key in IDENTITY:
            return value
        return word[:60] if key in ("operationType", "priority") else word

    whole: dict[str, Any] = walk(deepcopy(dict(document)), "") | known
    return whole


def hostile_config() -> Config:
    """Its names are what a configuration allows; whatever else it words is hostile."""
    told = ["team", "room", "english", "daily"]
    document = {
        "timezone": "Europe/Berlin",
        "console": {"tokens": {"program": {"token": SECRET, "role": "viewer"}}},
        "sources": {
            SOURCE: {"max_age": "off", "signature": {"secrets": {"current": SECRET}}},
            "foreign": {"format": "odd", "signature": {"secrets": {"current": SECRET}}},
        },
        "formats": {"odd": {"run": "run", "job": "job", "status": {"of": "status", "Running": "x"}}},
        "channels": {
            "slack": {"token": "xoxb-2048-abcdef", "base_url": "http://127.0.0.1:9/api/"},
            "email": {"host": "127.0.0.1", "port": 9, "tls": "none", "from": "Operations <relay@example.com>"},
        },
        "destinations": {
            "team": {"slack": "#team", "mode": "live", "group_errors": "off",
                     "live": {"post_after": "0s", "min_step": 0, "min_interval": "0s"}},
            "room": {"slack": "#room", "mode": "each", "group_errors": "off"},
            "english": {"email": "english@example.com", "group_errors": "off"},
            "daily": {"email": "daily@example.com", "mode": "digest", "at": "08:30"},
        },
        "rules": [{"name": "all", "notify": told}, *(
            {"name": word[:100], "tenants": [word], "events": ["operation.*"], "notify": told}
            for word in WORDS.values() if "\0" not in word  # which no configuration may hold
        )],
    }  # fmt: skip
    return parse_config(json.dumps(document).replace("$", "$$"), env={}, channels=CHANNELS)


@asynccontextmanager
async def hostile_console(store: Store, clock: Clock) -> AsyncIterator[Open]:
    """The console over it."""
    checks = {f"{kind}:{word}": word for kind, word in zip(cycle(("channel", "destination", "x")), WORDS.values())}

    async def readiness() -> Readiness:
        return Readiness(ready=False, checks={"redis": "ok", **checks})

    async with console(store, clock, config=hostile_config(), readiness=readiness) as page:
        for name, word in WORDS.items():
            await said_by_people(store, clock, name, word)
            await said_by_senders(page, store, clock, word)
        await said_by_a_foreign_sender(store, clock)
        await answered_by_others(store, clock)
        last = spoilt(bodies()["operation.failed"], WORDS["cell"], eventId="the last", tenantId="any")
        await page.ingest.ingest(event_of(last, at=datetime.fromtimestamp(clock(), UTC)))
        clock.advance(2)
        for channel in ("slack", "email"):
            for delivery in await claim(store, channel):
                scopes = f"destination:{delivery.destination}/{delivery.address}", f"channel:{channel}"
                await park(store, delivery, WORDS["cell"], *scopes)
        yield page


async def park(store: Store, delivery: Delivery, word: str, *scopes: str) -> None:
    await store.reschedule(delivery, 86_400.0, word, holds=[Pause(scope, 86_400.0, word) for scope in scopes])


async def said_by_senders(page: Open, store: Store, clock: Clock, word: str) -> None:
    """A run that ends, one that goes on, one that fails, a batch, and what is no event."""
    documents = bodies()
    for run, names in RUNS.items():
        for name in names:
            clock.advance(0.01)
            document = spoilt(documents[name], word, eventId=f"{word} {run} {name}"[:256])
            for part, key in (("operation", "operationId"), ("batch", "batchId")):
                if part in document:
                    document[part] |= {key: f"{word} {run}"}
            await page.ingest.ingest(event_of(document, at=datetime.fromtimestamp(clock(), UTC)))
    for fault in (False, True):
        body = json.dumps(spoilt(documents["operation.progress"], word) | {"event": word, "fault": fault}).encode()
        await store.bodies.keep(SOURCE, body, {"content-type": word}, word, fault=fault)


async def said_by_a_foreign_sender(store: Store, clock: Clock) -> None:
    bodies = Bodies(store.plain)
    for word in WORDS.values():
        document = {"run": word, "job": word, "status": word, word: {word: [word] * 30}}
        bodies.add("foreign", json.dumps(document).encode(), {}, clock())
        await store.bodies.keep("foreign", json.dumps(document).encode(), {}, word, fault=False)
    bodies.add("foreign", WORDS["cell"].encode(), {}, clock())  # no JSON
    await bodies.flush()


async def said_by_people(store: Store, clock: Clock, name: str, word: str) -> None:
    now, texts = clock(), dict.fromkeys(("jobs", "types", "priorities", "projects", "tenants"), (word,))
    for state, more in (("holds", {}), ("begins", {"starts": now + 600}), ("over", {"ended": now})):
        its: dict[str, Any] = {"id": f"{name} {state} {word}"[:100], "author": word, "reason": word, **texts, **more}
        await SilenceList(store).add(silence(now, **its))
    await OperatorPauses(store).pause(word, word, word)  # a destination that is configured no more
    await Suppressions(store).add(f"{word}@example.com"[:200], "english", detail=word)
    await AuditTrail(store.plain).note(Act(word, word, word, {word: word}, word, word))
    causes = [Cause(kind, word, now, word, count=2, total=3) for kind in (DEAD, REFUSED, STORE)]
    was = (await TroubleMemory(store).look()).text
    before = Troubles.load(was).rows if was else ()
    rows = (*before, *(Trouble(cause, shown=now) for cause in causes))
    await TroubleMemory(store).keep(was, Troubles(rows=rows).dump())


async def answered_by_others(store: Store, clock: Clock) -> None:
    """Slack and a mail server: one of each kind of end for each word and channel."""
    words, ends = cycle(WORDS.values()), cycle(("arrives", "links", "dies", "fails", "waits"))
    for channel in ("slack", "email"):
        for _ in range(200):
            for delivery in await claim(store, channel):
                word, end = next(words), next(ends)
                if end in ("arrives", "links"):
                    await store.mark_sending(delivery)
                    thread = {"channel": "C1", "ts": delivery.id} if channel == "slack" else {}
                    await store.complete(delivery, Receipt(LINK if end == "links" else word, thread))
                elif end == "dies":
                    await store.mark_sending(delivery)
                    await store.dead_letter(delivery, "rejected", word)
                elif end == "fails":
                    await store.reschedule(delivery, 86_400.0, word)
                else:
                    await park(store, delivery, word, f"limit:{channel}:{word}")
            clock.advance(1)
