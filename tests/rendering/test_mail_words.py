"""What mails say beyond what was agreed: in the order of the questions, once, and nothing that is not known."""

import re
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from relay.domain.events import Event
from relay.rendering import Renderer
from tests.support import samples, slacks
from tests.support.mails import LANGUAGES, SINGLE, document, events_of, mail, visible
from tests.support.renderers import BUILT_IN

NOW = datetime(2024, 1, 20, 13, 30, tzinfo=UTC)


def rendered(renderer: Renderer, event: Event, **options: Any) -> dict[str, Any]:
    history = samples.history_of("operation.failed", {**events_of(dict), "operation.failed": event})
    reader = {"language": "en", "timezone": "Europe/Berlin", "now": NOW} | options
    return renderer.render("email", "each", event, history, **reader)


def failed(**changes: Any) -> Event:
    return replace(events_of(dict)["operation.failed"], **changes)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", SINGLE)
def test_no_sentence_and_no_figure_stands_there_twice(renderer: Renderer, name: str, language: str) -> None:
    html = document(mail(renderer, name, language=language)["html"])
    rows = {text for row in html.iter("td") if row.get("class") == "item" for text in visible(row)}  # of lists
    told = [line for line in visible(html) if line not in rows]

    assert [line for line, times in Counter(told).items() if times > 1] == []
    for label in ("Process variants", "Anomalies detected", "Duration", "Progress", "Prozessvarianten", "Dauer"):
        assert label not in visible(html) or name == "operation.phase.completed"


def test_a_slow_phase_stands_out_and_says_what_is_usual(renderer: Renderer) -> None:
    event = events_of(dict)["operation.completed"]
    slower = [replace(end, phases=tuple((name, time / 3) for name, time in end.phases)) for end in event.past]

    content = rendered(renderer, replace(event, past=tuple(slower)))

    assert "Machine Learning Analysis 20 min (usually 6 min" in content["text"]
    assert 'class="phase phase-stalled"' in content["html"]


def test_a_job_without_a_past_is_compared_with_nothing(renderer: Renderer) -> None:
    for name in ("operation.failed", "operation.completed", "operation.progress"):
        event = replace(events_of(dict)[name], past=())
        content = rendered(renderer, event)

        assert "usual" not in content["text"] + content["preheader"]
        assert "First failure" not in content["text"] + content["preheader"]


@pytest.mark.parametrize("name", [name for name in SINGLE if name != "operation.completed"])
def test_without_an_address_there_is_no_button_and_no_link(name: str) -> None:
    event = events_of(_without_addresses)[name]

    content = Renderer([BUILT_IN]).render("email", "each", event, (event,), language="en", timezone="UTC", now=NOW)

    assert [link.get("href") for link in document(content["html"]).iter("a")] == []
    assert 'class="button"' not in content["html"]


def _without_addresses(body: samples.Body) -> samples.Body:
    def walk(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: walk(item) for key, item in value.items() if key not in ("trackingUrl", "downloadUrls")}
        return [*map(walk, value)] if isinstance(value, list) else value

    changed: samples.Body = walk(body)
    return changed


def test_the_mail_of_a_batchs_run_that_failed_leads_to_its_error_first(renderer: Renderer) -> None:
    event, history = slacks.event_and_history("batch.operation.failed")

    content = renderer.render("email", "each", event, history, language="en", timezone="UTC", now=slacks.NOW)

    links = re.findall(r"^(View error|Runbook|Follow the batch): (\S+)$", content["text"], re.MULTILINE)
    assert [label for label, _ in links] == ["View error", "Runbook", "Follow the batch"]
    assert links[0][1].endswith("/runs/op-0013")
    assert content["subject"].endswith(" – SAP extractor did not answer for 300 s")


def test_a_run_that_was_too_quick_asks_for_a_look_above_its_button(renderer: Renderer) -> None:
    event, history = slacks.event_and_history("operation.completed")
    longer = tuple(replace(end, duration=(end.duration or 0) * 8) for end in event.past)

    content = renderer.render(
        "email", "each", replace(event, past=longer), (*history[:-1], replace(event, past=longer)),
        language="en", timezone="UTC", now=slacks.NOW,
    )  # fmt: skip

    text = content["text"].replace("\xa0", " ")
    assert " – unusually quick, 23 anomalies, " in content["subject"]
    assert content["preheader"].startswith("Over after 45")
    assert text.count("please check that it had its data") == 1
    assert text.index("please check") < text.index("Open result")
    assert text.count("usually") == 1


@pytest.mark.parametrize(
    ("days", "finished", "foot"),
    [(0, "✕ Failed at 12:52", "20 January 2024, all times in CET"),
     (1, "✕ Failed on 20 Jan at 12:52", "21 January 2024, all times in CET"),
     (200, "✕ Failed on 20 Jan at 12:52", "7 August 2024, all times in CEST")],
)  # fmt: skip
def test_a_time_names_its_day_only_if_it_is_not_the_mails(
    renderer: Renderer, days: int, finished: str, foot: str
) -> None:
    text = rendered(renderer, failed(), now=NOW + timedelta(days=days))["text"]

    assert text.startswith(finished)
    assert f"\n{foot}\n" in text


def test_a_mail_of_a_failure_says_what_it_holds_up(renderer: Renderer) -> None:
    def in_batch(body: samples.Body) -> samples.Body:
        if body["event"] != "operation.failed":
            return body
        members = [{"operationId": body["operation"]["operationId"], "operationKey": "a", "status": "Failed"},
                   {"operationId": "b", "operationKey": "b", "status": "Pending", "dependencies": ["a"]},
                   {"operationId": "c", "operationKey": "c", "status": "Pending", "dependencies": ["b"]}]  # fmt: skip
        return body | {"batch": {"batchId": "batch-1", "operations": members}}

    text = mail(renderer, "operation.failed", change=in_batch)["text"]

    assert "\n2 later runs of this batch are waiting.\n" in text


def test_a_long_error_is_cut_at_500_characters_and_the_rest_is_linked(renderer: Renderer) -> None:
    content = mail(renderer, "operation.failed", change=samples.maximal)
    html = document(content["html"])

    error = next(element for element in html.iter("div") if "error" in element.get("class", "").split())
    assert 480 < len("".join(error.itertext())) <= 500
    assert "Read the whole error: https://mining.example.com/tenant-1/project-1/runs/" in content["text"]
    assert "Read the whole error" not in mail(renderer, "operation.failed")["text"]


@pytest.mark.parametrize("address", ["", "javascript:alert(1)", "https://user@evil.example/"])
def test_no_mail_offers_to_end_it_where_that_is_not_possible(renderer: Renderer, address: str) -> None:
    event = samples.messages()["operation.completed"]
    content = renderer.render(
        "email", "each", event, (event,), language="en", timezone="UTC", now=event.occurred_at, unsubscribe=address
    )

    assert "Unsubscribe" not in content["text"] + content["html"]
