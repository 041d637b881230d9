"""What may do anything, or lead anywhere, is found in mails, in Slack, on terminals, in logs and metrics."""

from random import Random
from typing import Any

import pytest

from campaign.active import in_html, in_log, in_mail, in_metrics, in_slack, in_text
from campaign.payloads import PAYLOADS, poisoned
from campaign.renders import INERT_MAIL, INERT_SLACK, hostile_event, judge, render
from campaign.report import Report

HOSTS = ("mining.example.com",)
PLAIN = '<html><body><p style="color: red">text</p><a href="https://mining.example.com/x">a</a></body></html>'
MAIL = (
    b"From: a@example.com\r\nTo: b@example.com\r\nSubject: s\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\n\r\ntext\r\n"
)


@pytest.mark.parametrize(
    "part",
    [
        "<script>1</script>", "<img src=x onerror=1>", "<svg onload=1>", "<iframe src=//evil.example></iframe>",
        "<form></form>", "<input>",
        "<a href=javascript:1>x</a>", "<a href=https://evil.example>x</a>", "<a href=//evil.example>x</a>",
        "<p onclick=1>x</p>",
        "<a href=https://mining.example.com@evil.example>x</a>",
        "<a href=https://mining.example.com.evil.example>x</a>",
        "<a href=https://mining.example.com:99999>x</a>", "<img src=https://mining.example.com/pixel.png>",
        "<base href=//evil.example>",
        "<p style='background: url(//evil.example)'>x</p>", "<style>@import '//evil.example'</style>",
        "<object data=x></object>",
        "<meta http-equiv=refresh content=0>", "<table background=https://evil.example>",
        "<link rel=stylesheet href=x>",
    ],
)  # fmt: skip
def test_what_is_active_in_html_is_found(part: str) -> None:
    assert [*in_html(PLAIN.replace("text", part), HOSTS)]


def test_an_ordinary_mail_and_message_hold_nothing() -> None:
    message = {"text": "a &lt;b&gt;", "blocks": [{"type": "mrkdwn", "verbatim": True, "text":
               "<https://mining.example.com/x|a> <!date^1^{time}|12:00>"},
               {"url": "https://mining.example.com/"}]}  # fmt: skip

    assert [*in_html(PLAIN, HOSTS), *in_mail(MAIL, HOSTS), *in_slack(message, HOSTS), *in_text("a\n\tü 🔬")] == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Subject: s", b"Subject: s\r\nBcc: victim@example.com"), (b"Subject: s", b"Subject: s\r\nSubject: t"),
        (b"Subject: s", b"X-Sender: s"), (b"text\r\n", b"t\xe4xt\r\n"), (b"text\r\n", b"a\nb\r\n"), (b"text\r\n",
        b"x" * 999 + b"\r\n"),
        (b"Subject: s", b"Subject: =?utf-8?b?4oCu?="), (b"text/plain", b"application/pdf"), (b"text\r\n",
        b"\x1b[31m\r\n"),
    ],
    ids=str,
)  # fmt: skip
def test_what_a_mail_must_not_hold_is_found(old: bytes, new: bytes) -> None:
    assert [*in_mail(MAIL.replace(old, new), HOSTS)]


@pytest.mark.parametrize(
    "message",
    [
        {"text": "<!channel>"}, {"text": "<!here|x>"}, {"text": "hey <@U012AB3CD>"}, {"text": "<#C012|x>"},
        {"text": "<!subteam^S1>"},
        {"text": "<https://evil.example|click>"}, {"text": "<mailto:a@b|x>"}, {"url": "https://evil.example"},
        {"text": "a < b"},
        {"blocks": [{"type": "mrkdwn", "text": "https://evil.example"}]}, {"text": "\u202etxt"}, {"text": "a\x1bb"},
        {"blocks": [{"elements": [{"url": "javascript:1"}]}]}, {"image_url": "https://evil.example/x.png"},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_active_in_slack_is_found(message: dict[str, Any]) -> None:
    assert [*in_slack(message, HOSTS)]


@pytest.mark.parametrize(
    "text", ["\x1b[31m", "\x9b31m", "\x07", "a\rb", "\x00", "\u202e", "\u2066", "\U000e0041", "\x7f"]
)
def test_what_steers_a_terminal_is_found(text: str) -> None:
    assert [*in_text(f"a{text}b")]


def test_a_line_that_is_no_object_and_a_label_of_a_sender_are_found() -> None:
    assert [*in_log(b'{"a": 1}\n[2]\n')] == ["no JSON object: b'[2]'"]
    assert [*in_log(b'{"a": "\x7f"}\n')]
    assert [*in_log(b'{"a": 1}\n')] == []
    assert [*in_metrics('relay_events_total{source="<script>"} 1\n', ())]
    assert [*in_metrics('relay_x{source="a"} 1\nrelay_y 2.0\n# HELP x\n', ())] == []
    assert [*in_metrics("relay_x 1\nevil row\n", ())]


def test_documents_are_full_of_payloads_and_the_same_again() -> None:
    body = {
        "event": "operation.failed",
        "operation": {"operationName": "n", "tags": ["a", "b"]},
        "error": {"message": "m"},
    }
    made = [poisoned(Random(f"{number}"), body) for number in range(100)]

    assert made == [poisoned(Random(f"{number}"), body) for number in range(100)]
    text = f"{made}"
    assert all(any(repr(payload)[1:-1][:8] in text for payload in payloads) for payloads in PAYLOADS.values())
    assert sum(one["event"] == "operation.failed" for one in made) > 90  # most of them can be read


def test_an_active_render_breaks_the_promise() -> None:
    report = Report("documents")
    event = next(event for event in map(_event, range(100)) if event)

    judge(report, "slack", {"text": "<!channel>"}, event, "this one")
    judge(report, "email", {"subject": "s", "text": "t", "html": "<script>1</script>"}, event, "this one")

    assert {*report.broken} == {INERT_SLACK, INERT_MAIL}


def test_what_relay_says_of_hostile_documents_is_inert() -> None:
    report = Report("documents")

    render(report, range(40), 7)

    assert report.kept, report.broken
    assert report.counts["rendered for slack"] and report.counts["rendered for email"]


def _event(number: int) -> Any:
    try:
        return hostile_event(Random(f"{number}"))
    except ValueError:
        return None
