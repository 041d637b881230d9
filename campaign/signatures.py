"""Forged requests at every address that signs. None is accepted, while all that are genuine are."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from itertools import islice
from random import Random
from typing import Any

from campaign.forging import FORGERIES, Genuine
from campaign.report import Report
from campaign.seeds import Request, SourceFacts, documents, signed
from campaign.target import Target
from campaign.wire import answered
from tests.support.patience import busyness

FULL = 100_000  # forged ones, and the genuine ones among them
TOGETHER = 12  # connections,
BATCH = 16  # each with so many requests that are sent at once
GENUINE = 40  # one request in so many is genuine
DEADLINE = 60.0  # seconds for a batch on a machine at rest

NONE_ACCEPTED = "no forged request is accepted"
ALL_ACCEPTED = "each genuine request among them is accepted"
REFUSED = "each forged request is refused with 401, 404, 405, 413 or 415"
REFUSALS = {401, 404, 405, 413, 415}
Named = tuple[str, str, Request]


async def run(target: Target, count: int, seed: int) -> Report:
    report = Report("forged signatures")
    start = json.dumps(documents()["operation.started"]).encode()
    await answered(target.address, [signed(target.sources, "hmac", start, "start")], DEADLINE)
    makers = [
        target.while_in_time(mixed(target.sources, seed, number, max(1, count // TOGETHER)))
        for number in range(TOGETHER)
    ]
    await asyncio.gather(*(_work(target, report, maker, seed) for maker in makers))
    report.promise("relay is ready", (await target.get("/readyz"))[0] == 200)
    return report


async def _work(target: Target, report: Report, maker: Iterator[Named], seed: int) -> None:
    while batch := [*islice(maker, BATCH)]:
        requests = [request for _, _, request in batch]
        statuses = await answered(target.address, requests, DEADLINE * busyness())
        for (kind, about, _), status in zip(batch, statuses, strict=True):
            judge(report, kind, status, f"{about}, --seed {seed}")


def judge(report: Report, kind: str, status: int, name: str) -> None:
    """`kind` is "genuine", or the forgery's."""
    report.counts["genuine" if kind == "genuine" else "forged"] += 1
    if kind == "genuine":
        report.promise(ALL_ACCEPTED, status in (200, 202), f"{status} {name}")
        return
    report.promise(NONE_ACCEPTED, not 200 <= status < 300, f"{status} {kind}: {name}")
    report.promise(REFUSED, status in REFUSALS, f"{status} {kind}: {name}")


def mixed(sources: Mapping[str, SourceFacts], seed: int, worker: int, count: int) -> Iterator[Named]:
    """Make requests (kind, what it is about, request), one after the other; the same for the same seed."""
    dice, bodies, made = Random(f"{seed} {worker}"), documents(), 0
    while made < count:
        source, unique = dice.choice((*sources,)), f"{worker}-{made}"
        # A sender with a token alone reports its own event, of an operation of another source.
        document = bodies[sources[source].event or dice.choice((*bodies,))]
        genuine = genuine_request(sources, source, document, unique)
        name = dice.choice((*FORGERIES,))
        forged = FORGERIES[name](dice, genuine)
        if made % GENUINE == 0:
            made += 1
            yield "genuine", source, genuine.request
        elif forged is not None and _is_http(forged):
            made += 1
            yield name, f"{source}, number {unique}", forged


def genuine_request(
    sources: Mapping[str, SourceFacts], source: str, document: Mapping[str, Any], unique: str
) -> Genuine:
    facts = sources[source]
    request, other = (
        signed(sources, source, json.dumps({**document, "eventId": f"{id_}-{unique}"}).encode(), f"{id_}-{unique}")
        for id_ in (f"evt-{source}", f"other-{source}")
    )
    others = tuple(more.secret.encode() for name, more in sources.items() if name != source)
    return Genuine(request, facts.scheme, facts.secret.encode(), facts.header or "", other, others)


def _is_http(request: Request) -> bool:
    """Return whether it is HTTP. Else it would end the connection on which others wait for their answer."""
    return not any((byte < 32 and byte != 9) or byte == 127 for _, value in request.headers for byte in value)
