"""Facts of a run in its Slack messages: progress, lists, other runs of its job, and what went wrong before."""

import re
from dataclasses import replace

import pytest

from relay.domain.deliveries import Kind
from relay.domain.events import Outcome
from relay.rendering import Renderer
from tests.rendering.slack_reading import shown
from tests.support import samples, slacks
from tests.support.every_case import every_case
from tests.support.extremes import FIXTURES
from tests.support.slacks import KINDS, NAMES, past_ends, rendered


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
    ("name", "kind", "total"), [("operation.completed", "reply", 50), ("operation.completed", "each", 50)]
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
    event = replace(samples.event_of(body), past=past_ends(23))
    renderer = slacks.renderer()

    for channel in ("slack", "email"):
        content = renderer.render(channel, "each", event, (event,), language="en", timezone=zone, now=event.occurred_at)
        assert "0001" not in str(content)
        assert "9999" not in str(content)


# A message of the run, and a line in it.
PROGRESS, REPLY, ROOT_BELOW, REPLY_BELOW = (1, 1), (3, 1), (2, 2), (3, 2)
DONE = "▰▰▰▰▰▰▰▱▱▱ Discovery (3 of 5) · expected to finish at 15:40 CET on 9 Mar"
PHASES = "Extraction 12 · Data Loading 17 · Discovery 22 · Conformance 27 (usually 14) · Reporting 17 min"
THIRD = "3 failures in a row since 7 Mar, 14:02 CET · last success on 6 Mar at 14:02 CET · same error 2 times before"


@pytest.mark.parametrize(
    ("past", "end", "place", "words"),
    [
        (past_ends(23, minutes=88), "completed", PROGRESS, f"{DONE}, as usual"),
        (past_ends(23, minutes=74), "completed", PROGRESS, f"{DONE}, 20 min later than usual"),
        (past_ends(23), "completed", REPLY, PHASES),
        (past_ends(23), "failed", ROOT_BELOW, "First failure after 23 successes · last success on 8 Mar at 14:02 CET"),
        (past_ends(9, 2), "failed", REPLY_BELOW, THIRD),
        (past_ends(1), "failed", REPLY_BELOW, "Last success on 8 Mar at 14:02 CET"),
        (past_ends(9, 3), "completed", REPLY, "Works again after 3 failures"),
        (past_ends(9, 1), "completed", REPLY, "Works again after 1 failure"),
    ],
)
def test_a_message_compares_the_run_with_others(
    renderer: Renderer, past: tuple[Outcome, ...], end: str, place: tuple[int, int], words: str
) -> None:
    _, content = [*slacks.life("en", renderer, end, past)][place[0]]

    assert shown(content).split("\n")[place[1]] == words


def test_a_failure_below_another_of_its_cause_and_a_success_that_makes_one_good_say_so(renderer: Renderer) -> None:
    options = {"language": "en", "timezone": "", "now": slacks.NOW, "healed": "no answer"}

    below = renderer.render("slack", "also", *slacks.event_and_history("batch.operation.failed"), **options)
    healed = renderer.render("slack", "healed", *slacks.event_and_history("operation.completed"), **options)

    assert "Also: *AP invoices DE* failed in Conformance." in shown(below)
    assert "failed and recovered.\nEarlier failure: no answer" in shown(healed)
