"""Times in Slack's own notation: for each reader, in every place that shows them, and plain where Slack shows none."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from markupsafe import Markup

from relay.rendering.formats.slack import plain_dates, slack_time
from relay.rendering.localized_values import Localizer
from relay.rendering.translations import Catalogues
from tests.support.renderers import BUILT_IN, Build, progress, render

NOW = datetime(2024, 1, 20, 13, 30, tzinfo=UTC)
MOMENT = "2024-01-20T11:52:00Z"
CATALOGUES = Catalogues([BUILT_IN])
SHORT, AT = "{time} {date_short_pretty}", "at {time} {date_short_pretty}"  # on the same day
EARLIER = "{date_short_pretty} {time}"


def reader(language: str = "en", zone: str = "Europe/Berlin", now: datetime = NOW) -> Localizer:
    return Localizer(CATALOGUES.language(language), ZoneInfo(zone), now)


@pytest.mark.parametrize(("formats", "style", "date"), [
    (reader(), "short", f"<!date^1705751520^{SHORT}|12:52 CET, 20 Jan>"),
    (reader(), "at", f"<!date^1705751520^{AT}|at 12:52 CET on 20 Jan>"),
    (reader("de"), "short", f"<!date^1705751520^{SHORT}|12:52 Uhr MEZ, 20. Jan.>"),
    (reader("de"), "at", "<!date^1705751520^um {time} {date_short_pretty}|um 12:52 Uhr MEZ am 20. Jan.>"),
    (reader(zone="America/New_York"), "short", f"<!date^1705751520^{SHORT}|06:52 UTC−5, 20 Jan>"),
    (reader(now=datetime(2025, 3, 1, tzinfo=UTC)), "short", f"<!date^1705751520^{EARLIER}|20 Jan 2024, 12:52 CET>"),
    (reader(), "date", "20 January"),
    (reader(), "weekday", "Saturday"),
])  # fmt: skip
def test_a_time_is_written_for_each_reader_and_for_those_to_whom_slack_writes_none(
    formats: Localizer, style: str, date: str
) -> None:
    assert slack_time(formats, MOMENT, style) == date
    assert slack_time(formats, datetime.fromisoformat(MOMENT), style) == date


@pytest.mark.parametrize("value", ["tomorrow", "<!channel>", "2024-01-20", "1969-07-20T20:17:00Z", "", "9" * 900])
def test_what_is_no_moment_for_slack_is_text(value: str) -> None:
    text = slack_time(reader(), value)

    assert "<!date" not in text
    assert not isinstance(text, Markup)  # so it is escaped wherever it is printed


@pytest.mark.parametrize(("shown", "text"), [("3. Dez.", "seit 3. Dez."), ("3 Dec", "seit 3 Dec.")])
def test_a_date_that_ends_with_a_full_stop_ends_its_sentence(shown: str, text: str) -> None:
    assert plain_dates(f"seit <!date^1705751520^{SHORT}|{shown}>.") == text


def test_a_date_is_plain_where_slack_writes_none(alone: Build) -> None:
    renderer = alone({"slack/operation.progress.yaml": """
text: "since {{ op.started_at|localtime }}"
blocks:
  - type: section
    text: {type: plain_text, text: "{{ op.started_at|localtime }}"}
  - type: context
    elements: [{type: mrkdwn, text: "{{ op.started_at|localtime }}"}]
"""})  # fmt: skip

    content = render(renderer, progress())

    section, context = content["blocks"]
    assert content["text"] == "since 12:18 CET, 20 Jan"
    assert section["text"]["text"] == "12:18 CET, 20 Jan"
    assert context["elements"][0]["text"] == f"<!date^1705749480^{SHORT}|12:18 CET, 20 Jan>"
