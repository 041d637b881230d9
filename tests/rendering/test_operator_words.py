"""Notices for operators about relay itself, in both languages and channels."""

import re
from collections.abc import Sequence
from copy import deepcopy
from datetime import UTC, datetime
from itertools import product
from typing import Any

import pytest

from relay.domain.events import RESOLVED, TROUBLE, Event
from relay.policy.notices import Notice, event_of
from relay.rendering import Renderer
from tests.support import mails
from tests.support.every_case import every_case

NOW = datetime(2024, 1, 20, 10, 20, tzinfo=UTC)
REFUSALS = ("unsigned", "rate_limited", "unavailable", "fault", "invalid", "malformed", "too_large")
LACKS = ("durability", "memory", "partitions", "data")


def row(kind: str, name: str = "", reason: str = "", **more: Any) -> dict[str, Any]:
    return {
        "kind": kind, "name": name, "reason": reason, "since": "2024-01-20T10:14:00+00:00", "until": "",
        "count": 3, "total": 10, "affected": ["team", "analysts"], "lost": 0, **more,
    }  # fmt: skip


ROWS = [
    row("channel", "slack", "Slack answered chat.postMessage with invalid_auth", count=14),
    row("channel", "email", count=0),
    row("channel", "pager", affected=[f"team-{number}" for number in range(6)]),
    row("destination", "team/#team", "is_archived"),
    row("dead", count=1),
    *(row("store", name, "why") for name in LACKS),
    *(row("refused", "crm", reason) for reason in REFUSALS),
]


def event(name: str, *rows: dict[str, Any], standing: int = 0) -> Event:
    return event_of(Notice(name, f"{name.replace('.', '-')}-1-1", NOW.timestamp(), rows, standing))


def over(of: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {**of, "until": "2024-01-20T12:16:00+00:00", **more}


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return mails.renderer()


def rendered(renderer: Renderer, channel: str, of: Event, language: str) -> dict[str, Any]:
    return deepcopy(
        renderer.render(channel, "each", of, (of,), language=language, timezone="UTC", now=NOW, destination="on-call")
    )


FORMS = [*product((TROUBLE, RESOLVED), ("slack", "email"), ("en", "de"))]


def event_about(name: str, rows: Sequence[dict[str, Any]]) -> Event:
    return event(name, *(rows if name == TROUBLE else map(over, rows)))


def test_every_trouble_is_worded_without_gaps(renderer: Renderer) -> None:
    with every_case() as case:
        for rows, (name, channel, language) in product([*([row] for row in ROWS), ROWS], FORMS):
            with case(rows[0]["kind"], rows[0]["name"], rows[0]["reason"], name, channel, language):
                text = rendered(renderer, channel, event_about(name, rows), language)["text"]
                assert "  " not in text.replace("\n    ", "\n").replace("\n  ", "\n")
                assert not re.search(r": *[.,]|\( *\)|: *$", text, re.MULTILINE)


@pytest.mark.parametrize(
    ("lost", "standing", "words"),
    [
        (0, 0, "(2 h 2 min). What waited is being sent; nothing was given up."),
        (3, 1, "(2 h 2 min). 3 messages were given up meanwhile; `relay dead replay` sends them."),
    ],
)
def test_the_end_says_how_long_it_lasted_and_what_it_has_left(
    renderer: Renderer, lost: int, standing: int, words: str
) -> None:
    content = rendered(renderer, "slack", event(RESOLVED, over(ROWS[0], lost=lost), standing=standing), "en")
    section, context = content["blocks"]
    gone = rendered(renderer, "slack", event(RESOLVED, over(ROWS[0], lost=lost, gone=True)), "en")["text"]

    assert gone == "relay: Slack: the configuration does not name it any more"
    assert content["text"] == "relay: Slack: messages get through again"
    assert section["text"]["text"].replace("\u00a0", " ").endswith(words)
    assert ("1 other problem remains." in context["elements"][0]["text"]) is bool(standing)


def test_of_many_a_message_shows_some_and_says_how_many_more(renderer: Renderer) -> None:
    content = rendered(renderer, "slack", event(TROUBLE, *ROWS), "en")

    assert len(content["blocks"]) == 7
    assert f"+ {len(ROWS) - 6} more" in content["blocks"][-1]["elements"][0]["text"].replace("\u00a0", " ")
    assert content["text"].replace("\u00a0", " ").endswith(f"and {len(ROWS) - 1} more")
