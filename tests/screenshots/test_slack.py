"""Every Slack message in a browser, as the stand-in shows it: on a wide screen and on a phone, light and dark.

RELAY_SCREENSHOTS=FOLDER keeps the pictures, and those of the documents (docs/images) with them.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from relay.rendering import Renderer
from relay_sandbox.standins.slack_page import page_of, still_page
from relay_sandbox.standins.slack_workspace import Workspace
from tests.support import slacks
from tests.support.browser import Browser, blank, keep, needs_chromium
from tests.support.extremes import FIXTURES
from tests.support.slacks import KINDS, LANGUAGES, NAMES

pytestmark = [needs_chromium, pytest.mark.timeout(180), pytest.mark.soak]

NOON = datetime(2026, 3, 9, 13, 5, tzinfo=UTC).timestamp()
COLOURS = {"light": "rgb(255, 255, 255)", "dark": "rgb(26, 29, 33)"}
SHOWN = "document.querySelectorAll('article').length"
# What sticks out of its message: a table is scrolled sideways within it, as in Slack.
OUTSIDE = """[...document.querySelectorAll('article, .block, .fields p, .context p')]
  .filter((each) => each.getBoundingClientRect().right > innerWidth + 0.5).length"""

Message = dict[str, Any]


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return slacks.renderer()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with Browser() as opened:
        yield opened


def shown(content: Message) -> Message:
    return {"text": content["text"], "blocks": content["blocks"]}


def every(renderer: Renderer, language: str, fixture: str = "typical") -> list[Message]:
    """All messages of all kinds, each one once."""
    found: list[Message] = []
    for name in NAMES:
        for kind in KINDS:
            message = shown(slacks.message(renderer, name, kind, language, FIXTURES[fixture]))
            if message not in found:
                found.append(message)
    return found


@pytest.mark.parametrize("width", [640, 360])
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_message_fits_the_screen_in_its_scheme(
    renderer: Renderer, browser: Browser, language: str, width: int
) -> None:
    messages = every(renderer, language)

    browser.show(page_of(messages, at=NOON), width=width)
    for scheme, colour in COLOURS.items():
        browser.prefer(dark=scheme == "dark")
        shot = browser.taken()
        keep(f"slack.{language}.{width}.{scheme}.png", shot.png)

        assert shot.width <= width
        assert browser.ask(OUTSIDE) == 0
        assert browser.ask(SHOWN) == len(messages)
        assert browser.ask("getComputedStyle(document.body).backgroundColor") == colour
        assert not blank(shot.png)


@pytest.mark.parametrize("fixture", ["maximal", "hostile"])
def test_nothing_that_an_event_says_makes_a_message_wider_than_a_phone(
    renderer: Renderer, browser: Browser, fixture: str
) -> None:
    messages = every(renderer, "en", fixture)

    assert browser.measure(page_of(messages, at=NOON), width=360) <= 360
    assert browser.ask(OUTSIDE) == 0
    assert browser.ask("document.querySelectorAll('.mention').length") == 0
    assert browser.ask(SHOWN) == len(messages)


def story(renderer: Renderer, end: str) -> Workspace:
    """A run from its start to its end, as it stands in the channel afterwards: one message, edited, and its reply."""
    now = [NOON]
    workspace = Workspace(name="Acme", clock=lambda: now[0])
    root: Message = {}
    times = (0, 4560, 5700, 5701, 5702, 5703)
    for after, (kind, content) in zip(times, slacks.life("en", renderer, end), strict=False):
        now[0] = NOON + after
        message = shown(content)
        if not root:
            root = workspace.call("chat.postMessage", {"channel": "#process-mining", **message})
        elif kind == "reply":
            if end == "failed":
                first = message["blocks"][0]["text"]
                message["blocks"][0]["text"] = first | {"text": f"<!subteam^S0OPSTEAM1> {first['text']}"}
            place = {"channel": root["channel"], "thread_ts": root["ts"], "reply_broadcast": end == "failed"}
            workspace.call("chat.postMessage", {**place, **message})
        else:
            workspace.call("chat.update", {"channel": root["channel"], "ts": root["ts"], **message})
    return workspace


def stages(renderer: Renderer) -> Workspace:
    """The same message at three moments, one below the other."""
    now = [NOON]
    workspace = Workspace(name="Acme", clock=lambda: now[0])
    told = [content for kind, content in slacks.life("en", renderer) if kind == "live"]
    for content, after in zip(told, (0, 4560, 5700), strict=True):
        now[0] = NOON + after
        root = workspace.call("chat.postMessage", {"channel": "#process-mining", **shown(content)})
    reply = next(content for kind, content in slacks.life("en", renderer) if kind == "reply")
    workspace.call("chat.postMessage", {"channel": "#process-mining", "thread_ts": root["ts"], **shown(reply)})
    return workspace


def batch(renderer: Renderer) -> Workspace:
    workspace = Workspace(name="Acme", clock=lambda: NOON)
    told = shown(slacks.message(renderer, "batch.operation.failed", "live"))
    place = {"channel": "#month-end"}
    place["thread_ts"] = workspace.call("chat.postMessage", {**place, **told})["ts"]
    for name in ("batch.operation.failed", "batch.finished"):
        workspace.call("chat.postMessage", {**place, **shown(slacks.message(renderer, name, "reply"))})
    return workspace


def test_the_pictures_of_the_documents(renderer: Renderer, browser: Browser) -> None:
    pictures = {
        "slack-live.png": (stages(renderer), False),
        "slack-live-dark.png": (story(renderer, "completed"), True),
        "slack-failed.png": (story(renderer, "failed"), False),
        "slack-batch.png": (batch(renderer), False),
    }
    for name, (workspace, dark) in pictures.items():
        shot = browser.shot(
            still_page(workspace.snapshot()), width=640, dark=dark, script="document.querySelector('nav').remove()"
        )
        keep(name, shot.png)

        assert workspace.violations == []
        assert shot.width <= 640
        assert not blank(shot.png)


def test_a_reply_to_everybody_stands_in_the_channel_and_in_its_thread(renderer: Renderer, browser: Browser) -> None:
    browser.show(still_page(story(renderer, "failed").snapshot()), width=640)

    places = browser.ask("[...document.querySelectorAll('.also')].map((each) => each.textContent)")
    assert places == [
        "Also sent to the channel",
        "replied to a thread: Failed: Order-to-Cash Q3 EMEA – SAP extractor did not answer for 300\u00a0s. "
        "Conformance, 72%, after 1\u00a0h\u00a012\u00a0min.",
    ]
    assert (
        browser.ask("[...document.querySelectorAll('.mention')].map((each) => each.textContent)") == ["@emea-ops"] * 2
    )
