"""Forged requests at every address that signs. None is accepted, while all that are genuine are."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from itertools import islice
from random import Random

from campaign.configuration import Configuration
from campaign.forgeries import FORGERIES
from campaign.genuine import Genuine
from campaign.links import genuine_link
from campaign.pipelines import answered
from campaign.public_keys import SNS, forged_message
from campaign.report import Report
from campaign.requests import Request
from campaign.seeds import HOST, JSON, documents, press, signed, unsubscribing
from campaign.target import Target
from campaign.tokens import TOKENS
from tests.support.patience import busyness

FULL = 206_000  # of which 200,000 are forged
TOGETHER = 12  # connections,
BATCH = 16  # each with so many requests that are sent at once
GENUINE = 40  # one request in so many is genuine
PRESSES = 400  # genuine ones in all: relay takes 600 a minute,
LINKS = 200  # and of one link 300
READER = "control@example.com"
DEADLINE = 60.0  # seconds for a batch on a machine at rest

NONE_ACCEPTED = "no forged request is accepted"
ALL_ACCEPTED = "each genuine request among them is accepted"
REFUSED = "each forged request is refused with 401, 404, 405, 413 or 415"
REFUSALS = {401, 404, 405, 413, 415}


async def forge(target: Target, count: int, seed: int) -> Report:
    report = Report("forged signatures")
    start = json.dumps(documents()["operation.started"]).encode()
    await answered(target.address, [signed(target.configured, "hmac", start, "start")], target.outputs, DEADLINE)
    # Of a reader of its own: the fuzzer asks the other's link until it is refused, for a minute.
    tokens = {purpose: await genuine_link(target, READER, purpose) for purpose in ("unsubscribe", "button", "another")}
    makers = [
        target.while_in_time(_mixed(target.configured, tokens, seed, number, max(1, count // TOGETHER)))
        for number in range(TOGETHER)
    ]
    await asyncio.gather(*(_work(target, report, maker, seed) for maker in makers))
    report.promise("relay lives", target.alive())
    return report


async def _work(target: Target, report: Report, maker: Iterator[tuple[str, str, Request]], seed: int) -> None:
    async for batch, statuses in _answers(target, maker):
        for (kind, about, _), status in zip(batch, statuses, strict=True):
            judge(report, kind, status, f"{about}, --seed {seed}")


async def _answers(
    target: Target, maker: Iterator[tuple[str, str, Request]]
) -> AsyncIterator[tuple[list[tuple[str, str, Request]], list[int]]]:
    while batch := [*islice(maker, BATCH)]:
        requests = [request for _, _, request in batch]
        yield batch, await answered(target.address, requests, target.outputs, DEADLINE * busyness())


def judge(report: Report, kind: str, status: int, name: str) -> None:
    """`kind` is "genuine", or the forgery's."""
    report.counts["genuine" if kind == "genuine" else "forged"] += 1
    if kind == "genuine":
        report.promise(ALL_ACCEPTED, status in (200, 202), f"{status} {name}")
        return
    report.counts[f"forgery: {kind}"] += 1
    report.promise(NONE_ACCEPTED, not 200 <= status < 300, f"{status} {kind}: {name}")
    report.promise(REFUSED, status in REFUSALS, f"{status} {kind}: {name}")


def _mixed(
    configured: Configuration, tokens: dict[str, str], seed: int, worker: int, count: int
) -> Iterator[tuple[str, str, Request]]:
    """(kind, what it is about, request), one after the other; the same for the same seed."""
    dice, bodies, made = Random(f"{seed} {worker}"), documents(), 0
    links = presses = 0
    while made < count:
        address = dice.choice((*configured.sources, "a press", "a link", SNS))
        if address == SNS:
            made += 1
            message = forged_message(dice, configured.platform_url)
            yield "a message of SNS", address, Request(b"POST", b"/webhooks/sns", (HOST, JSON), message)
            continue
        is_genuine = made % GENUINE == 0
        if address == "a link":
            links += is_genuine
            if is_genuine and links <= LINKS // TOGETHER:
                yield "genuine", address, unsubscribing(tokens["unsubscribe"])
            else:
                name = dice.choice((*TOKENS,))
                yield name, address, unsubscribing(TOKENS[name](dice, tokens), method=dice.choice((b"GET", b"POST")))
            made += 1
            continue
        unique = f"{worker}-{made}"
        genuine = (
            _genuine_press(configured, unique)
            if address == "a press"
            else _genuine(configured, address, _body(dice, configured, address, bodies), unique)
        )
        presses += is_genuine and address == "a press"
        if is_genuine and (address != "a press" or presses <= PRESSES // TOGETHER):
            made += 1
            yield "genuine", address, genuine.request
            continue
        name = dice.choice((*FORGERIES,))
        forged = FORGERIES[name](dice, genuine)
        if forged is not None and _is_http(forged):
            made += 1
            yield name, f"{address}, number {unique}", forged


def _body(
    dice: Random, configured: Configuration, source: str, bodies: dict[str, dict[str, object]]
) -> dict[str, object]:
    """A sender with a token alone reports its own event, of an operation of another source."""
    return bodies[configured.sources[source].event or dice.choice((*bodies,))]


def _is_http(request: Request) -> bool:
    """Return what is none is the fuzzer's: it would end the connection on which others wait for their answer."""
    return not any((byte < 32 and byte != 9) or byte == 127 for _, value in request.headers for byte in value)


def _genuine(configured: Configuration, source: str, document: dict[str, object], unique: str) -> Genuine:
    facts = configured.sources[source]
    body = json.dumps(document | {"eventId": f"evt-{source}-{unique}"}).encode()
    other = json.dumps(document | {"eventId": f"other-{source}-{unique}"}).encode()
    others = tuple(more.secret.encode() for name, more in configured.sources.items() if name != source and more.secret)
    request = signed(configured, source, body, f"msg-{unique}")
    secret = facts.secret.encode() or dict(request.headers)[b"Authorization"].removeprefix(b"Bearer ")
    return Genuine(
        request, facts.scheme, secret, facts.header or "",
        signed(configured, source, other, f"other-{unique}"), others,
    )  # fmt: skip


def _genuine_press(configured: Configuration, unique: str) -> Genuine:
    """Of a button that is none of relay's: taken, and nothing comes of it."""
    others = tuple(facts.secret.encode() for facts in configured.sources.values())
    request, other = press(configured, unique, "someone_elses"), press(configured, f"other {unique}", "someone_elses")
    return Genuine(replace(request), "slack", configured.slack_secret.encode(), "", other, others)
