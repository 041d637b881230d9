"""The campaign notices what relay must not do: each promise is broken once, and what is allowed is no fault."""

from typing import Any

from campaign.active import in_html, in_log, in_mail, in_metrics, in_slack, in_text
from campaign.fuzz import NO_FAULT, Attack
from campaign.fuzz import judge as judge_answers
from campaign.report import Report, table
from campaign.signatures import ALL_ACCEPTED, NONE_ACCEPTED, REFUSED
from campaign.signatures import judge as judge_signature
from campaign.wire import Exchange

HOSTS = ("mining.example.com",)
PLAIN = '<html><body><p style="color: red">text</p><a href="https://mining.example.com/x">a</a></body></html>'
MAIL = (
    b"From: a@example.com\r\nTo: b@example.com\r\nSubject: s\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\n\r\ntext\r\n"
)
HTML = (
    "<script>1</script>", "<img src=x onerror=1>", "<svg onload=1>", "<iframe src=//evil.example></iframe>",
    "<form></form>", "<a href=javascript:1>x</a>", "<a href=//evil.example>x</a>", "<p onclick=1>x</p>",
    "<base href=//evil.example>",
    "<a href=https://mining.example.com@evil.example>x</a>", "<a href=https://mining.example.com.evil.example>x</a>",
    "<p style='background: url(//evil.example)'>x</p>", "<style>@import '//evil.example'</style>",
    "<meta http-equiv=refresh content=0>", "<link rel=stylesheet href=x>",
)  # fmt: skip
MAILS = (
    (b"Subject: s", b"Subject: s\r\nBcc: victim@example.com"), (b"Subject: s", b"X-Sender: s"),
    (b"text\r\n", b"x" * 999 + b"\r\n"), (b"Subject: s", b"Subject: =?utf-8?b?4oCu?="), (b"text\r\n", b"\x1b[31m\r\n"),
)  # fmt: skip
SLACK: tuple[dict[str, Any], ...] = (
    {"text": "<!channel>"}, {"text": "hey <@U012AB3CD>"}, {"text": "<https://evil.example|click>"}, {"text": "a < b"},
    {"url": "https://evil.example"}, {"text": "\u202etxt"}, {"blocks": [{"elements": [{"url": "javascript:1"}]}]},
)  # fmt: skip


def test_what_is_active_is_found_and_an_ordinary_message_is_not() -> None:
    message = {"text": "a &lt;b&gt;", "blocks": [{"type": "mrkdwn", "verbatim": True, "text":
               "<https://mining.example.com/x|a> <!date^1^{time}|12:00>"}]}  # fmt: skip
    log, figures = b'{"a": 1}\n', 'relay_x{source="a"} 1\nrelay_y 2.0\n# HELP x\n'

    assert [*in_html(PLAIN, HOSTS), *in_mail(MAIL, HOSTS), *in_slack(message, HOSTS)] == []
    assert [*in_text("a\n\tü 🔬"), *in_log(log), *in_metrics(figures)] == []
    assert [part for part in HTML if not [*in_html(PLAIN.replace("text", part), HOSTS)]] == []
    assert [new for old, new in MAILS if not [*in_mail(MAIL.replace(old, new), HOSTS)]] == []
    assert [one for one in SLACK if not [*in_slack(one, HOSTS)]] == []
    assert [text for text in ("\x1b[31m", "\x9b31m", "a\rb", "\u202e", "\U000e0041") if not [*in_text(text)]] == []
    assert [*in_log(log + b"[2]\n")]
    assert [*in_metrics('relay_x{source="<script>"} 1\n')]


def test_whoever_accepts_or_refuses_everything_is_noticed() -> None:
    open_door, closed_door = Report("signatures"), Report("signatures")

    judge_signature(open_door, "no signature", 202, "hmac")
    judge_signature(closed_door, "genuine", 401, "hmac")

    assert ({*open_door.broken}, {*closed_door.broken}) == ({NONE_ACCEPTED, REFUSED}, {ALL_ACCEPTED})


def test_a_fault_of_relay_is_noticed() -> None:
    attack, statuses = Attack((), (b"",), 1, ending=True), (b"404 Not Found", b"500 Internal Server Error")
    good, bad = (Report("fuzz"), Report("fuzz"))

    for report, status in zip((good, bad), statuses, strict=True):
        judge_answers(report, attack, Exchange(b"HTTP/1.1 " + status + b"\r\n\r\n", held=False, seconds=0.1), "")

    assert (good.kept, NO_FAULT in bad.broken) == (True, True)


def test_a_part_that_looked_at_nothing_has_shown_nothing() -> None:
    assert not Report("empty").kept
    assert "BROKEN" in "\n".join(table([Report("empty")]))
