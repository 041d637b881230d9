"""The renderer: what templates are given, which message it is, and what is left without any template."""

import asyncio
import json
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from relay.domain.events import Event
from relay.rendering import IsolatedRenderer, Renderer
from relay.rendering.checks import problems
from relay.rendering.context import message_of
from relay.rendering.filters import bar
from tests.support import samples
from tests.support.renderers import BUILT_IN, NOW, Build, body, only, progress, render, text_of

# What templates are given


def test_a_documents_own_field_beats_a_method_of_that_name(alone: Build) -> None:
    renderer = alone(only("{{ op.items }} {{ op.keys }}"))

    assert text_of(renderer, progress(items="seven", keys="none")) == "seven none"


def test_an_earlier_attempts_failure_is_not_told_of_the_running_one(alone: Build) -> None:
    renderer = alone(only("{{ error.message }}|{{ op.phase }}"))
    failed = samples.event_of(samples.bodies()["operation.failed"])
    running = replace(progress(), occurred_at=failed.occurred_at + timedelta(minutes=5))

    assert text_of(renderer, running, history=(failed, running)) == "|Machine Learning Analysis"


def test_what_came_later_does_not_change_what_an_event_told(alone: Build) -> None:
    renderer = alone(only("{{ op.percentage|pct }}{{ op.costCentre|default('') }}"))
    later = samples.event_of(
        body(progress={"percentage": 90}, costCentre="CC-7") | {"timestamp": "2024-01-20T12:00:00Z"}
    )

    assert text_of(renderer, progress(), history=(progress(), later)) == "67%"


@pytest.mark.parametrize(("percentage", "told"), [(100, "99%"), (99.9, "99%"), (0, "0%"), (66.7, "66%"), (None, "")])
def test_only_a_completed_run_is_at_a_hundred_percent(alone: Build, percentage: float | None, told: str) -> None:
    renderer = alone(only("[{{ op.percentage|pct }}]"))

    assert text_of(renderer, progress(progress={"percentage": percentage})) == f"[{told}]"


@pytest.mark.parametrize(
    ("phase", "language", "told"),
    [
        ({"status": "Failed", "message": "exit 1"}, "en", "Phase failed: Nightly – lint failed – exit 1."),
        ({"status": "Failed"}, "de", "Phase fehlgeschlagen: Nightly – lint fehlgeschlagen."),
        ({"status": "Cancelled"}, "en", "Phase completed: Nightly – lint finished."),
    ],
)
def test_a_failed_phase_is_said_as_one(renderer: Renderer, phase: dict[str, str], language: str, told: str) -> None:
    document = body("operation.phase.completed", operationName="Nightly", phases=[])
    event = samples.event_of(document | {"phase": {"phaseName": "lint", **phase}})

    assert text_of(renderer, event, language=language) == told


def test_a_failure_in_a_batch_counts_all_that_waits_for_it_directly_or_not(alone: Build) -> None:
    renderer = alone(
        {"teams/generic.yaml": "rows: [{each: m in batch.operations, told: '{{ m.name }} {{ m.blocks }}'}]"}
    )
    chain: dict[str, list[Any]] = {
        "a": ["Failed", []], "b": ["Pending", ["a"]], "c": ["Pending", ["b", "a"]], "d": ["Completed", ["a"]],
             "e": ["Failed", ["e", "gone"]], "f": ["Pending", 5], "g": ["Pending", "a"]}  # fmt: skip
    members = [{"operationKey": key, "status": status, "dependencies": needs} for key, (status, needs) in chain.items()]
    document = samples.envelope(
        "batch.operation.completed", "2024-01-20T12:03:00Z", batch={"batchId": "b", "operations": members}
    )

    told = render(renderer, samples.event_of(document), "teams")

    assert told["rows"] == [{"told": text} for text in ("a 2", "b 0", "c 0", "d 0", "e 0", "f 0", "g 0")]


# Which message it is


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("operation.progress", "each", "operation.progress"),
        ("operation.phase.completed", "each", "operation.phase.completed"),
        ("operation.phase.completed", "live", "operation.progress"),
        ("operation.paused", "each", "operation.paused"),
        ("operation.paused", "live", "operation.paused"),
        ("operation.timeout", "each", "operation.timeout"),
        ("operation.timeout", "live", "operation.timeout"),
        ("operation.timeout", "reply", "operation.timeout"),
        ("batch.operation.completed", "each", "batch.operation.completed"),
        ("batch.operation.completed", "live", "batch.progress"),
        ("batch.completed", "live", "batch.completed"),
    ],
)
def test_a_live_message_shows_the_state_and_every_other_the_event(name: str, kind: Any, message: str) -> None:
    assert message_of(samples.messages()[name], kind) == message


@pytest.mark.parametrize("event", ["operation.failed", "operation.completed", "operation.cancelled"])
def test_a_timeout_is_told_as_one_whatever_the_event_is_called(renderer: Renderer, event: str) -> None:
    told = text_of(renderer, samples.event_of(body("operation.timeout") | {"event": event}))

    assert told.startswith("Timed out: ")


async def test_messages_under_way_at_a_time_are_each_their_own() -> None:
    """They are made in threads; nothing is shared that one could spoil for another."""
    renderer = IsolatedRenderer([BUILT_IN], samples.OPTIONS)
    events = [*samples.messages().values(), *samples.messages(samples.maximal).values()]

    async def texts() -> list[str]:
        made = [renderer.message("slack", "live", event, (event,), language="en", timezone="", now=NOW)
                for event in events]  # fmt: skip
        return [rendered.content["text"] for rendered in await asyncio.gather(*made)]

    assert await texts() == await texts()


# Trying it all out


@pytest.mark.slow
def test_the_built_in_templates_have_no_fault(renderer: Renderer) -> None:
    assert problems(renderer) == []


@pytest.mark.slow
def test_a_check_tries_the_users_own_samples(own: Build) -> None:
    body = samples.bodies()["operation.paused"] | {"event": "operation.resumed", "note": "x"}
    renderer = own({
        "samples/resumed.json": json.dumps(body),
        "slack/operation.resumed.yaml": "text: '{{ doc.note|default(\"\") }} {{ doc.note.text }}'",
    })  # fmt: skip

    assert any("slack/operation.resumed.yaml:1" in fault for fault in problems(renderer))


# The author's guide


def test_every_name_field_and_filter_of_the_guide_is_there(alone: Build) -> None:
    guide = (BUILT_IN.parent / "docs" / "templates.md").read_text("utf-8")
    about_names, about_filters = guide.partition("| name | what it is |")[2].split("| filter | result |")
    names, fields = [], []
    for first, second in re.findall(r"^\| (`\w.*?) \| (.+) \|$", about_names, re.MULTILINE):
        of_row = re.findall(r"`(\w+)`", first)
        names += of_row
        fields += [f"{of_row[0]}.{field}" for field in re.findall(r"`(\w+)`", second) if len(of_row) == 1]
    cells = re.findall(r"^\| (`\w.*?`) \|", about_filters, re.MULTILINE)
    filters = [name for cell in cells for name in re.findall(r"`(\w+)", cell)]
    lines = [f"a{n}?: '{{{{ {path} }}}}'" for n, path in enumerate((*names, *fields))]
    lines += [f"b{n}?: '{{% if 0 %}}{{{{ op|{name} }}}}{{% endif %}}'" for n, name in enumerate(filters)]
    renderer = alone({"teams/generic.yaml": "\n".join(lines)})

    message = render(renderer, samples.messages()["operation.completed"], "teams")

    assert min(len(names), len(fields), len(filters)) > 15
    assert len(message) > 20


# Runs that relay's own watchdog found stalled


def alarm(name: str, **parts: Any) -> Event:
    body = samples.bodies()["operation.progress"]
    return samples.event_of({"event": f"operation.{name}", "timestamp": "2024-01-20T11:50:00Z",
                             "operation": body["operation"], **parts})  # fmt: skip


STALLED = alarm("stalled", stalled={"rule": "late", "by": "estimate", "seconds": 600})
SILENT = alarm("stalled", stalled={"rule": "silent", "seconds": 900})
RECOVERED = alarm("recovered", recovered={"rule": "silent", "seconds": 600})
STILL_OVERDUE = alarm("recovered", recovered={"rule": "silent"}, stalled={"rule": "overdue", "seconds": 600})
PROGRESS, DONE = (samples.messages()[name] for name in ("operation.progress", "operation.completed"))


def test_an_outcome_says_how_long_the_alarm_lasted_that_was_open_until_then(renderer: Renderer) -> None:
    silent = alarm("stalled", stalled={"rule": "silent", "by": "events", "since": "2024-01-20T11:41:15Z"})
    for history, said in (((PROGRESS, silent, DONE), True), ((PROGRESS, silent, RECOVERED, DONE), False)):
        mail = renderer.render("email", "each", DONE, history, language="en", timezone="UTC", now=NOW)
        assert ("After 21 min without events" in mail["text"]) is said


@pytest.mark.parametrize(
    ("history", "shown"),
    [
        pytest.param((PROGRESS, STALLED), "⚠️", id="stalled"),
        pytest.param((STALLED, PROGRESS), "⚠️", id="progress, also by a clock that is behind, takes no alarm back"),
        pytest.param((SILENT, PROGRESS), "▶️", id="what is heard of is not silent"),
        pytest.param((PROGRESS, STALLED, RECOVERED), "▶️", id="recovered"),
        pytest.param((STALLED, RECOVERED, PROGRESS), "▶️", id="progress after a recovery"),
        pytest.param((PROGRESS, STALLED, STILL_OVERDUE), "⚠️", id="recovered of one thing, not of another"),
        pytest.param((PROGRESS, STALLED, DONE), "✅", id="the end"),
    ],
)
def test_a_live_message_shows_an_alarm_for_as_long_as_it_stands(
    renderer: Renderer, history: tuple[Event, ...], shown: str
) -> None:
    told = renderer.render("slack", "live", history[-1], history, language="en", timezone="UTC", now=NOW)

    said = json.dumps(told["blocks"], ensure_ascii=False)
    assert {sign: said.count(sign) for sign in ("⚠️", "▶️", "✅") if sign in said} == {shown: 1}


@pytest.mark.parametrize(
    ("percentage", "full"),
    [(-5, 0), (0, 0), (4.9, 0), (5, 1), (50, 5), (94.9, 9), (99.9, 9), (100, 10), (120, 10)],
)
def test_a_bar_is_full_at_100_percent_alone(percentage: float, full: int) -> None:
    assert bar(percentage) == "▰" * full + "▱" * (10 - full)


@pytest.mark.parametrize("percentage", [None, "", "50", True])
def test_what_is_no_percentage_has_no_bar(percentage: object) -> None:
    assert bar(percentage) == ""
