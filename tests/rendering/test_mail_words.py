"""Words of mails beside the golden files: each once, and nothing that is not known."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from relay.config.formats import preset
from relay.domain.events import Event
from relay.domain.parsing import parse
from relay.rendering import Renderer
from tests.support import foreign, samples, slacks
from tests.support.mails import CHANGES, LANGUAGES, NAMES, SINGLE, changes_of, document, events_of, mail
from tests.support.renderers import BUILT_IN

NOW = datetime(2024, 1, 20, 13, 30, tzinfo=UTC)
TRACE = "Traceback (most recent call last):"


def rendered(renderer: Renderer, event: Event, **options: Any) -> dict[str, Any]:
    history = samples.history_of("operation.failed", {**events_of(dict), "operation.failed": event})
    reader = {"language": "en", "timezone": "Europe/Berlin", "now": NOW} | options
    return renderer.render("email", "each", event, history, **reader)


def failed(**changes: Any) -> Event:
    return replace(events_of(dict)["operation.failed"], **changes)


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


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_mail_has_a_preheader(renderer: Renderer, language: str) -> None:
    without = [(name, form) for name in NAMES for form in changes_of(name)
               if not mail(renderer, name, language=language, change=CHANGES[form])["preheader"].strip()]  # fmt: skip

    assert without == []
    event = failed()
    assert Renderer([BUILT_IN]).fallback("email", event, language)["preheader"]


@pytest.mark.parametrize(
    ("language", "firing", "resolved"),
    [
        ("en", "✕ Firing since 06:00\n", "Resolved after 12 min."),
        ("de", "✕ Alarm seit 06:00 Uhr\n", "Behoben nach 12 min."),
    ],
)
@pytest.mark.parametrize("stated", [True, False])
def test_an_alert_says_since_when_it_fires_and_how_long_it_did(
    renderer: Renderer, language: str, firing: str, resolved: str, *, stated: bool
) -> None:
    events: list[Event] = []
    for minute, status in ((0, "firing"), (12, "resolved")):
        [reading] = preset("alertmanager").readings(foreign.alerts(foreign.alert("Down", status)))
        document: dict[str, Any] = {**(reading.document or {})}
        at = datetime(2026, 11, 21, 5, minute, tzinfo=UTC)
        if not stated:  # a format that knows one time alone
            document["operation"] = {
                key: value for key, value in document["operation"].items() if key not in ("startTime", "endTime")
            }
        events.append(parse(document | {"timestamp": at.isoformat()}, source="am", received_at=at, mapped=True))
    texts = [rendered_of(renderer, events[:number], language) for number in (1, 2)]

    assert texts[0].startswith(firing)
    assert texts[0].count("06:00") == 1
    assert f"\n{resolved}\n" in texts[1]


def rendered_of(renderer: Renderer, events: list[Event], language: str) -> str:
    reader = {"language": language, "timezone": "Europe/Berlin", "now": events[-1].occurred_at}
    return str(renderer.render("email", "each", events[-1], events, **reader)["text"])


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


@pytest.mark.parametrize(("lines", "linked"), [(20, False), (2000, True)])
def test_the_cause_comes_first_and_the_whole_error_below(renderer: Renderer, lines: int, linked: bool) -> None:
    printed = "\n".join(
        [TRACE, *(f'  File "/opt/app/step.py", line {n}, in run' for n in range(lines)), "KeyError: 'id'"]
    )

    def traced(document: dict[str, Any]) -> dict[str, Any]:
        return document | {"error": {"message": printed}}

    content = mail(renderer, "operation.failed", change=traced)
    html = document(content["html"])

    assert [element.text for element in html.iter("div") if "error" in element.get("class", "").split()] == [
        "KeyError: 'id'"
    ]
    assert "KeyError: 'id'" in content["subject"]
    assert [TRACE in (element.text or "") for element in html.iter("pre")] == [True]
    assert f"Full error:\n    {TRACE}\n" in content["text"]
    link = "Read the full error: https://mining.example.com/tenant-1/project-1/runs/"
    assert (link in content["text"]) is linked


@pytest.mark.parametrize("address", ["", "javascript:alert(1)", "https://user@evil.example/"])
def test_no_mail_offers_to_end_it_where_that_is_not_possible(renderer: Renderer, address: str) -> None:
    event = samples.messages()["operation.completed"]
    content = renderer.render(
        "email", "each", event, (event,), language="en", timezone="UTC", now=event.occurred_at, unsubscribe=address
    )

    assert "Unsubscribe" not in content["text"] + content["html"]


def test_the_mail_about_the_end_says_what_had_gone_wrong(renderer: Renderer) -> None:
    event, history = slacks.event_and_history("operation.completed")

    healed, plain = (
        renderer.render("email", "each", event, history, language="en", timezone="UTC", now=NOW, healed=text)
        for text in ("no <answer>", "")
    )

    assert "Earlier failure" in healed["text"]
    assert "no <answer>" in healed["text"]
    assert "no &lt;answer&gt;" in healed["html"]
    assert "Earlier failure" not in plain["text"]
