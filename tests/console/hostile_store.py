"""A store in which everything that others may word is hostile: senders, people, the other sides, the configuration."""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from copy import deepcopy
from datetime import UTC, datetime
from itertools import cycle
from typing import Any

from relay.channels import CHANNELS
from relay.config import Config, parse_config
from relay.domain.deliveries import Delivery, Receipt
from relay.policy.notices import DEAD, REFUSED, STORE, Cause, Trouble, Troubles
from relay.receiving.probes import Readiness
from relay.store import Store
from relay.store.admin import Admin
from relay.store.audit import Act, AuditTrail
from relay.store.operator_pauses import OperatorPauses
from relay.store.settling import Pause
from relay.store.silences import SilenceList
from relay.store.suppressions import Suppressions
from relay.store.troubles import TroubleMemory
from tests.support.clock import Clock
from tests.support.console import Open, console
from tests.support.events import event_of
from tests.support.queue import claim, message
from tests.support.samples import bodies
from tests.support.silences import silence
from tests.support.stage import SECRET

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
    "nul": "<\x00script planted>x</script>",
}
SOURCE = "async-operations"
MAIL = '<h1 style="color: red">Failed</h1><link rel="stylesheet" href="/planted"><form action="/planted">'
TOLD = ["team", "room", "english", "daily"]
Settle = Callable[[Store, Delivery, str], Any]


# What says which event it is, and when: with anything else there, it is none.
IDENTITY = {"event", "timestamp", "status", "startTime", "endTime", "dateCreated", "timeoutAt"}


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
    document = {
        "timezone": "Europe/Berlin",
        "console": {"tokens": {"program": {"token": SECRET, "role": "viewer"}}},  # so that pages lead to copies
        "sources": {SOURCE: {"max_age": "off", "signature": {"secrets": {"current": SECRET}}}},
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
            "paused": {"slack": "#paused", "mode": "each"},
        },
        "rules": [{"name": "all", "notify": TOLD}, *(
            {"name": word[:100], "tenants": [word], "events": ["operation.*"], "notify": TOLD}
            for word in WORDS.values() if "\0" not in word  # which no configuration may hold
        )],
    }  # fmt: skip
    return parse_config(json.dumps(document).replace("$", "$$"), env={}, channels=CHANNELS)


@asynccontextmanager
async def hostile_console(store: Store, clock: Clock) -> AsyncIterator[Open]:
    """The console over it; the store has to keep copies of what is sent."""
    checks = {f"{kind}:{word}": word for kind, word in zip(cycle(("channel", "destination", "x")), WORDS.values())}

    async def readiness() -> Readiness:
        return Readiness(ready=False, checks={"redis": "ok", **checks})

    async with console(store, clock, config=hostile_config(), readiness=readiness) as page:
        for name, word in WORDS.items():
            await said_by_people(store, clock, name, word)
        for word in WORDS.values():
            await said_by_senders(page, store, clock, word)
        await answered_by_others(store, clock)
        await paused_by_others(page, store, clock, WORDS["cell"])
        yield page


async def said_by_senders(page: Open, store: Store, clock: Clock, word: str) -> None:
    """A run that ends, one that goes on, one that fails, a batch, and what is no event."""
    documents = bodies()
    for run, names in (
        ("failed", ("operation.started", "operation.failed")),
        ("goes on", ("operation.started", "operation.phase.completed", "operation.progress")),
        ("over", ("operation.completed",)),
        ("batch", ("batch.started", "batch.operation.completed")),
    ):
        for name in names:
            clock.advance(0.01)
            document = spoilt(documents[name], word, eventId=f"{word} {run} {name}"[:256])
            for part, key in (("operation", "operationId"), ("batch", "batchId")):
                if part in document:
                    document[part] |= {key: f"{word} {run}"}
            event = event_of(document, at=datetime.fromtimestamp(clock(), UTC))
            await page.ingest.ingest(event)
    admin = Admin(store)
    for fault in (False, True):
        body = json.dumps(spoilt(documents["operation.progress"], word) | {"event": word, "fault": fault}).encode()
        await admin.quarantine(SOURCE, body, {"content-type": word, "user-agent": word}, word, fault=fault)


async def said_by_people(store: Store, clock: Clock, name: str, word: str) -> None:
    now = clock()
    words = {
        "author": word,
        "reason": word,
        "jobs": (word,),
        "types": (word,),
        "priorities": (word,),
        "projects": (word,),
    }
    for state, more in (("holds", {}), ("begins", {"starts": now + 600}), ("over", {"ended": now})):
        its = silence(now, id=f"{name} {state} {word}"[:100], tenants=(word,), **(words | more))
        await SilenceList(store).add(its)
    await OperatorPauses(store).pause("paused", word, word)
    await OperatorPauses(store).pause(word, word, word)  # a destination that is configured no more
    await Suppressions(store).add(f"{word}@example.com"[:200], "english", detail=word)
    trail = AuditTrail(store.redis, store.sealer)
    act = Act(word, word, word, {word: word}, word, word)
    await trail.note(act)
    await trail.note(act, stranger=True)
    causes = [Cause(kind, word, now, word, count=2, total=3) for kind in (DEAD, REFUSED, STORE)]
    memory = TroubleMemory(store)
    was = (await memory.look()).text
    troubles = Troubles.load(was) if was else Troubles()
    rows = (*troubles.rows, *(Trouble(cause, shown=now) for cause in causes))
    await memory.keep(was, Troubles(rows=rows).dump())


async def answered_by_others(store: Store, clock: Clock) -> None:
    """Slack, a mail server and Redis's own messages: one of each kind of end for each word and channel."""
    words = cycle(WORDS.values())
    settle = cycle((_arrives, _dies, _fails, _waits, _links))
    for channel in ("slack", "email"):
        for _ in range(200):
            while deliveries := await claim(store, channel):
                for delivery in deliveries:
                    await next(settle)(store, delivery, next(words))
            clock.advance(1)


async def paused_by_others(page: Open, store: Store, clock: Clock, word: str) -> None:
    """A channel, a destination and a limit that do not work, each for a reason that the other side has worded."""
    event = spoilt(bodies()["operation.failed"], word, eventId="the last", tenantId="any")
    await page.ingest.ingest(event_of(event, at=datetime.fromtimestamp(clock(), UTC)))
    clock.advance(2)
    for channel in ("slack", "email"):
        for delivery in await claim(store, channel):
            place = f"{delivery.destination}/{delivery.address}"
            scopes = f"destination:{place}", f"limit:{channel}:post:{delivery.address}", f"channel:{channel}"
            holds = [Pause(scope, 86_400.0, word) for scope in scopes]
            await store.reschedule(delivery, 86_400.0, word, holds=holds)


async def _arrives(store: Store, delivery: Delivery, word: str, answer: str = "") -> None:
    await store.mark_sending(delivery)
    content: Mapping[str, Any] = {
        "slack": {"text": word, "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": word}}]},
        "email": {"subject": word, "text": word, "html": f"{MAIL}{word}"},
    }[delivery.channel]
    thread = {"channel": "C1", "ts": delivery.id} if delivery.channel == "slack" else {}
    sent = message(delivery, content=content, mentions=(word,), address=delivery.address)
    await store.complete(delivery, Receipt(answer or word, thread), sent)


async def _links(store: Store, delivery: Delivery, word: str) -> None:
    await _arrives(store, delivery, word, "https://acme.slack.com/archives/C1/p1705749600")


async def _dies(store: Store, delivery: Delivery, word: str) -> None:
    await store.mark_sending(delivery)
    await store.dead_letter(delivery, "rejected", word)


async def _fails(store: Store, delivery: Delivery, word: str) -> None:
    await store.mark_sending(delivery)
    await store.reschedule(delivery, 86_400.0, word)


async def _waits(store: Store, delivery: Delivery, word: str) -> None:
    await store.reschedule(delivery, 86_400.0, word, holds=[Pause(f"limit:{delivery.channel}:{word}", 86_400.0, word)])
