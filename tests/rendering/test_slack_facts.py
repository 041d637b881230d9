"""Facts of a run in its Slack messages: progress, attempts, long names and lists."""

import re
from dataclasses import replace

import pytest

from relay.domain.deliveries import Kind
from relay.rendering import Renderer
from relay.rendering.samples import FIXTURES
from tests.support import samples, slacks
from tests.support.every_case import every_case
from tests.support.slack_reading import NBSP, shown
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


def test_a_run_that_says_nothing_of_its_progress_is_told_to_last(renderer: Renderer) -> None:
    body = samples.bodies()["operation.progress"]
    body["operation"] = {"operationId": "op-1", "operationName": "Quiet", "dateCreated": "2024-01-20T11:15:00Z"}

    event = replace(samples.event_of(body), past=())
    contents = [rendered(renderer, event, "live", language) for language in LANGUAGES]

    assert [shown(content).split("\n")[1] for content in contents] == [
        "Running since 20 Jan, 12:15 CET",
        "Läuft seit 20. Jan., 12:15 Uhr MEZ",
    ]


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


def test_a_phone_shows_a_long_cause_and_the_place_below_a_name_that_is_cut(renderer: Renderer) -> None:
    body = samples.bodies()["operation.failed"]
    body["operation"]["operationName"] = "Name " * 40
    body["error"]["message"] = "The source did not answer; " * 30

    text = rendered(renderer, samples.event_of(body), "reply")["text"].replace(NBSP, " ")

    name, cause = text.removeprefix("Failed: ").split(" – ")
    assert len(name) <= 60
    assert len(cause) > 240
    assert cause.endswith("… Machine Learning Analysis, 72%, after 34 min.")


def test_what_never_ran_in_a_batch_that_is_over_waits_for_nothing(renderer: Renderer) -> None:
    body = samples.bodies()["batch.completed"]
    body["batch"]["operations"][2]["status"] = "Pending"

    assert shown(rendered(renderer, samples.event_of(body), "reply")).split("\n")[:5] == [
        "⚠️ *Monthly Process Mining Pipeline* · Completed with failures",
        "1 of 3 completed, 1 failed, 1 not started. Duration: 1 h 17 min.",
        "❌ discovery – Failed (blocks 1)", "✅ data-prep · Completed", "⏹️ performance · Not started",
    ]  # fmt: skip
