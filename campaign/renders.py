"""Thousands of hostile documents through relay's own wording, into messages and mails, in this process."""

import json
from collections.abc import Iterable, Mapping
from functools import cache
from random import Random
from typing import Any

from campaign.active import in_mail, in_slack
from campaign.payloads import poisoned
from campaign.report import Report
from campaign.target import BASE_URL, LINK_HOST, PUBLIC_URL
from relay.channels.email.messages import Mailbox, compose
from relay.domain.deliveries import Notification
from relay.domain.documents import decode
from relay.domain.events import Event
from relay.domain.links import LinkHosts, LinkTemplates
from relay.errors import InvalidEvent, NotJson
from relay.rendering import Renderer, RenderOptions
from relay.resources import resource_dir
from tests.support import digests, samples

HOSTS = (LINK_HOST, "relay.example.com")
UNSUBSCRIBE = f"{PUBLIC_URL}/unsubscribe/abc.def"
MAIL_SHARE = 0.3  # of the renders; a browser's reading of one takes far longer than its making
BODIES = (*samples.bodies().values(), *samples.watchdog_bodies().values())
ROWS = (*digests.ATTENTION, *digests.DONE, *digests.RUNNING)
SENDER = Mailbox("relay@example.com", "Operations")
INERT_MAIL = "no mail holds an active element, a foreign address or a header of the sender's making"
INERT_SLACK = "no Slack message holds a mention, a foreign address or a disguise"


def render(report: Report, numbers: Iterable[int], seed: int) -> None:
    renderer = wording()
    for number in numbers:
        dice = Random(f"{seed} {number}")
        name = f"--seed {seed}, number {number}"
        try:
            event = hostile_event(dice)
        except (InvalidEvent, NotJson):
            report.counts["documents refused"] += 1
            continue
        channel = "email" if dice.random() < MAIL_SHARE else "slack"
        content = _content(renderer, dice, event, channel)
        report.counts[f"rendered for {channel}"] += 1
        judge(report, channel, content, event, name)


def judge(report: Report, channel: str, content: dict[str, Any], event: Event, name: str) -> None:
    if channel == "slack":
        leaks = [*in_slack(content, HOSTS)]
        report.promise(INERT_SLACK, not leaks, f"{leaks[:3]} {event.name} {name}")
        return
    leaks = [*in_mail(compose(_notification(event, content), SENDER), HOSTS)]
    report.promise(INERT_MAIL, not leaks, f"{leaks[:3]} {event.name} {name}")


@cache
def wording() -> Renderer:
    links = LinkTemplates(operation=f"{BASE_URL}/runs/{{operationId}}", batch=f"{BASE_URL}/batches/{{batchId}}")
    options = RenderOptions(BASE_URL, links=links, hosts=LinkHosts.of((LINK_HOST,), BASE_URL, links))
    return Renderer([resource_dir("templates")], options)


def hostile_event(dice: Random) -> Event:
    """Of an operation, a batch, an alarm or a digest. InvalidEvent or NotJson if relay would refuse it."""
    if dice.random() < 0.15:
        rows = [poisoned(dice, row) | {key: row[key] for key in ("status", "at", "id", "started")} for row in ROWS]
        kind = dice.choice(("digest", "quiet", "overflow", "backlog"))
        return digests.told(kind, digests.FRIDAY, [_as_received(row) for row in rows])
    body = dice.choice(BODIES)
    changed = poisoned(dice, body) | {"timestamp": body["timestamp"], "event": body["event"]}
    return samples.event_of(_as_received(changed))


def _as_received(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document as it comes over the wire, where some texts cannot be."""
    return decode(json.dumps(document).encode())


def _content(renderer: Renderer, dice: Random, event: Event, channel: str) -> dict[str, Any]:
    kinds: Any = ("each",) if channel == "email" else ("each", "live", "reply")
    kind: Any = event.name if event.name in ("digest", "roundup") else dice.choice(kinds)
    options: dict[str, Any] = {"unsubscribe": UNSUBSCRIBE} if channel == "email" else {}
    return renderer.render(
        channel, kind, event, (event,), language=dice.choice(("en", "de")), timezone="Europe/Berlin",
        now=event.occurred_at, destination="team", **options,
    )  # fmt: skip


def _notification(event: Event, content: dict[str, Any]) -> Notification:
    return Notification(
        delivery="01HX", destination="team", address="reader@example.com", kind="each", content=content,
        subject=event.subject, event=event.name, created_at=event.received_at, unsubscribe=UNSUBSCRIBE,
        space=event.space(event.subject), labels=event.filters,
    )  # fmt: skip
