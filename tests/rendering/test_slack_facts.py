"""What is known of a run and what is not, in its Slack messages: progress, attempts, long names and lists."""

import json
import re
from dataclasses import replace
from datetime import datetime

import pytest

from relay.domain.deliveries import Kind
from relay.rendering import Renderer
from relay.rendering.samples import FIXTURES
from tests.support import samples, slacks
from tests.support.every_case import every_case
from tests.support.slack_reading import shown
from tests.support.slacks import KINDS, LANGUAGES, NAMES, rendered


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("operation.")])
def test_unknown_progress_is_not_shown_as_none(renderer: Renderer, name: str) -> None:
    event = samples.event_of(FIXTURES["minimal"](slacks.bodies()[name]))
    with every_case() as case:
        for kind in KINDS:
            with case(kind):
                text = shown(rendered(renderer, event, kind))
                assert not re.search(r"▱|0[ \u00a0]?%|100", text)
                assert "None" not in text


@pytest.mark.parametrize("status", ["Running", "Completed", "Failed"])
def test_only_what_is_complete_is_at_a_hundred(renderer: Renderer, status: str) -> None:
    body = samples.bodies()["operation.progress"]
    body["operation"] |= {"status": status, "progress": {"percentage": 100, "currentPhase": "Reporting"}}
    names = {"Running": "progress", "Completed": "completed", "Failed": "failed"}

    content = rendered(renderer, samples.event_of(body | {"event": f"operation.{names[status]}"}), "live")

    assert "100" not in shown(content) + content["text"]
    assert ("99%" in shown(content)) == (status != "Completed")
    assert "▰▰▰▰▰▰▰▰▰▰" not in shown(content)


def test_a_live_message_keeps_its_height_while_the_run_lasts(renderer: Renderer) -> None:
    messages = [slacks.message(renderer, name, "live")["blocks"] for name in ("operation.progress", "operation.paused",
                                                                          "operation.recovered")]  # fmt: skip

    assert len({tuple(block["type"] for block in blocks) for blocks in messages}) == 1
    assert len({str(blocks[0]["text"]["text"]).count("\n") for blocks in messages}) == 1


def test_a_run_that_says_nothing_of_its_progress_is_told_to_last(renderer: Renderer) -> None:
    body = samples.bodies()["operation.progress"]
    body["operation"] = {"operationId": "op-1", "operationName": "Quiet", "dateCreated": "2024-01-20T11:15:00Z"}

    event = replace(samples.event_of(body), past=())
    contents = [rendered(renderer, event, "live", language) for language in LANGUAGES]

    assert [shown(content).split("\n")[1] for content in contents] == [
        "Running since 20 Jan, 12:15 CET",
        "Läuft seit 20. Jan., 12:15 Uhr MEZ",
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_a_second_attempt_is_told_as_one(renderer: Renderer, kind: Kind) -> None:
    for name in ("operation.progress", "operation.failed", "operation.timeout"):
        body = slacks.bodies()[name]
        body["operation"] |= {"retryNumber": 1}

        text = shown(rendered(renderer, samples.event_of(body), kind))

        assert (" · attempt 2" in text) == (kind != "reply" or name == "operation.progress")


def test_a_name_is_cut_at_120_characters(renderer: Renderer) -> None:
    content = slacks.message(renderer, "operation.progress", change=FIXTURES["maximal"])

    name = content["blocks"][0]["text"]["text"].split("*")[1]
    assert name.endswith("…")
    assert len(re.sub(r"&\w+;", "&", name)) <= 120


@pytest.mark.parametrize(
    ("name", "kind", "total"), [("operation.completed", "reply", 50), ("operation.completed", "each", 50),
                                ("batch.completed", "reply", 303 - 5)]  # five failures are named above the list
)  # fmt: skip
def test_what_is_left_out_of_a_long_list_is_counted(renderer: Renderer, name: str, kind: Kind, total: int) -> None:
    blocks = slacks.message(renderer, name, kind, change=FIXTURES["maximal"])["blocks"]

    passages = [block["text"]["text"] for block in blocks if "text" in block]
    lines = next(text for text in passages[1:] if "+ " in text).split("\n")
    items = sum(line.startswith(("• ", "✅", "❌", "⏳")) for line in lines)
    assert items >= 1
    assert re.fullmatch(rf"<https://[^|]+\|\+ {total - items} more>", lines[-1])


def test_nothing_is_linked_without_the_platforms_address() -> None:
    content = slacks.message(Renderer([slacks.ROOT / "templates"]), "operation.progress")

    assert "<http" not in json.dumps(content)


def test_now_is_told_in_the_readers_zone(renderer: Renderer) -> None:
    event, history = slacks.event_and_history("operation.progress")
    content = renderer.render("slack", "live", event, history, language="en", timezone="America/New_York",
                           now=datetime.fromisoformat("2024-01-20T13:30:00Z"))  # fmt: skip

    assert "done on 20 Jan at 07:05 UTC−5" in shown(content)


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo"])
@pytest.mark.parametrize("none", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_a_time_that_stands_for_none_is_not_told(none: str, zone: str) -> None:
    body = slacks.bodies()["operation.completed"]
    progress = body["operation"].get("progress", {}) | {"startTime": none, "estimatedCompletion": none}
    body = body | {"operation": body["operation"] | {"progress": progress, "dateCreated": none, "endTime": none}}
    event = replace(samples.event_of(body), past=slacks.past_ends(23))
    renderer = slacks.renderer()

    for channel in ("slack", "email"):
        content = renderer.render(channel, "each", event, (event,), language="en", timezone=zone, now=event.occurred_at)
        assert "0001" not in str(content)
        assert "9999" not in str(content)
