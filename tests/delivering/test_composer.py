"""What a delivery looks like: its language, its mentions, its thread, and that it stays the same."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from relay.config import parse_config
from relay.delivering.composer import Composer
from relay.delivering.worker import Worker
from relay.domain.deliveries import Delivery
from relay.policy.presentation import presentation_for
from relay.rendering import IsolatedRenderer
from tests.support import events
from tests.support.configuration import CHANNELS, GOOD, SECRETS
from tests.support.targets import room, team
from tests.support.workers import Bench

TEMPLATES = Path(__file__).parents[2] / "templates"
DONE = events.completed()
DELIVERY = Delivery("d", "l", "team", "slack", "#team", "live", DONE, (DONE,), {}, 1, DONE.received_at)


@pytest.mark.slow
async def test_a_broken_template_still_tells(bench: Bench, tmp_path: Path) -> None:
    broken = tmp_path / "slack"
    broken.mkdir()
    for template in (TEMPLATES / "slack").iterdir():
        (broken / template.name).write_text(
            "blocks:\n  - type: section\n    text: '{{ op.nothing.at.all }}'\ntext: '{{ 1 / 0 }}'\n"
        )
    renderer = IsolatedRenderer([tmp_path, TEMPLATES])
    worker = bench.worker(renderer=renderer)
    await bench.store.accept(events.completed(), [room()])

    await worker.run_once("slack")
    await renderer.aclose()

    assert "Comprehensive Customer Journey Analysis" in bench.wire.arrived[0].content["text"]
    assert "Im Standardwortlaut von relay" in str(bench.wire.arrived[0].content["blocks"][-1])


async def test_the_thread_of_a_live_message_is_handed_on(bench: Bench, worker: Worker) -> None:
    await bench.store.accept(events.progress(10), [team()])
    await worker.run_once("slack")
    await bench.store.accept(events.completed(), [team(presentation=presentation_for(events.completed()))])
    await worker.run_once("slack")
    bench.clock.advance(2)
    await worker.run_once("slack")

    assert [(one.kind, one.thread.get("ts")) for one in bench.wire.arrived] == [
        ("live", None),
        ("live", "1.1"),
        ("reply", "1.1"),
    ]
    first, edit, _ = bench.wire.arrived
    assert first.lane == edit.lane != ""


async def test_a_reload_while_a_delivery_is_composed_costs_it_no_template(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "slack").mkdir()
    (tmp_path / "slack" / "operation.completed.yaml").write_text("text: 'in their own words'\n")
    renderers = [IsolatedRenderer([tmp_path, TEMPLATES]), IsolatedRenderer([tmp_path, TEMPLATES])]

    async def reload(_delivery: Delivery) -> list[dict[str, str]]:
        await renderers.pop(0).aclose()
        return []

    composer = Composer(lambda: bench.config, lambda: renderers[0], clock=bench.clock, buttons=reload)
    notification = await composer.compose(DELIVERY)
    await renderers[0].aclose()

    assert notification.content == {"text": "in their own words", "blocks": []}


@pytest.mark.parametrize(("unsubscribes", "link"), [(True, "https://relay.example.com/unsubscribe/t"), (False, "")])
async def test_a_link_to_unsubscribe_is_where_the_channel_shows_it(bench: Bench, unsubscribes: bool, link: str) -> None:
    async def made(_delivery: Delivery, language: str) -> str:
        return f"https://relay.example.com/unsubscribe/{'t' if language == 'en' else language}"

    composer = Composer(lambda: bench.config, lambda: bench.renderer, clock=bench.clock, unsubscribe=made)
    channel = SimpleNamespace(unsubscribes=unsubscribes, renders=False)

    assert (await composer.compose(DELIVERY, channel)).unsubscribe == link


async def test_a_mail_says_which_rule_sends_it(bench: Bench) -> None:
    config = parse_config(GOOD, env=SECRETS, channels=CHANNELS)
    composer = Composer(lambda: config, lambda: bench.renderer, clock=bench.clock)
    for event, foot in ((events.failed(), "address. Rule: failures reach people\n"), (DONE, "address.\n")):
        mail = replace(DELIVERY, destination="analysts", channel="email", kind="each", event=event)

        assert (await composer.compose(mail)).content["text"].endswith(foot)
