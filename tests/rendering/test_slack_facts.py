"""Facts of a run in its Slack messages: progress, attempts, long names and lists."""

import re
from dataclasses import replace

import pytest

from relay.domain.deliveries import Kind
from relay.rendering import Renderer
from relay.rendering.samples import FIXTURES
from tests.support import samples, slacks
from tests.support.every_case import every_case
from tests.support.slack_reading import shown
from tests.support.slacks import KINDS, NAMES, rendered


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("operation.")])
def test_unknown_progress_is_not_shown_as_none(renderer: Renderer, name: str) -> None:
    event = samples.event_of(FIXTURES["minimal"](slacks.bodies()[name]))
    with every_case() as case:
        for kind in KINDS:
            with case(kind):
                text = shown(rendered(renderer, event, kind))
                assert not re.search(r"▱|0[ \u00a0]?%|100", text)
                assert "None" not in text


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
