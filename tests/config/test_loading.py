"""The configuration file: each fault is named, and whatever stands there, it is loaded or refused."""

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from relay.config import Config, Redis, Server, load
from relay.errors import ConfigError
from relay.platform.settings import Platform
from relay.policy.destinations import DestinationOptions, Live
from relay.policy.matching import Rule
from relay.policy.retry import RetryPolicy
from relay.policy.watchdog_settings import Watchdog
from relay.receiving.operators import Admin
from relay.receiving.signature_settings import Signature
from relay.receiving.sources import Source
from tests.support.configuration import CHANNELS, SECRETS, problems

REPOSITORY = Path(__file__).parents[2]
SHIPPED = {**SECRETS, "RELAY_CALLBACK_TOKEN": "8c1d9f27b4e05a6372f1c8d4"}


FAULTS = [
    # a key, its value's type, and its range
    ("timezone: Europe/Berlin", "timezon: Europe/Berlin", "1: timezon: unknown key; did you mean timezone?"),
    ("timezone: Europe/Berlin", "server: ~", "1: server: expected keys and values"),
    ("timezone: Europe/Berlin", "language:", '1: language: expected text; write "" for none'),
    ("timezone: Europe/Berlin", "server: {max_body: 1 chunk}",
     "1: server.max_body: expected a size such as 1MiB or 256kB, or a number of bytes"),
    ("timezone: Europe/Berlin", "server: {drain: 15}", "1: server.drain: expected a unit: 15s or 15m?"),
    ("timezone: Europe/Berlin", "callbacks: {token: short}", "1: callbacks.token.current: the secret is too short"),
    ("timezone: Europe/Berlin", "server: {drain: 21s}",
     "1: server.drain: expected at most 20s"),
    ("timezone: Europe/Berlin", "redis: {durability: fsnc}", "1: redis.durability: did you mean fsync?"),
    ("timezone: Europe/Berlin", "redis: {durability: replicated}",
     "1: redis.durability: replicated needs the url of a Redis that has replicas"),
    ("timezone: Europe/Berlin", "templates: /no/such/folder",
     "1: templates: expected a directory; there is none at /no/such/folder"),
    ("timezone: Europe/Berlin", "retry: {max_retries: -1}", "1: retry.max_retries: expected at least 0"),
    ("timezone: Europe/Berlin", "retry: {backoff_multiplier: 1e308}",
     "1: retry.backoff_multiplier: expected at most 100"),
    ("timezone: Europe/Berlin", "retry: {backoff_multiplier: 0.5}", "1: retry.backoff_multiplier: expected at least 1"),
    ("timezone: Europe/Berlin", "retry: {maxRetries: 1, max_retries: 2}",
     "1: retry.maxRetries: the same as max_retries; write it once"),
    # names of zones, languages and channels
    ("Europe/Berlin", "Europe/Berlni", "1: timezone: unknown time zone; did you mean Europe/Berlin?"),
    ("Europe/Berlin", "../../etc/passwd", "1: timezone: unknown time zone; expected for instance Europe/Berlin or UTC"),
    ("timezone: Europe/Berlin", "language: fr", "1: language: unknown language; expected de or en"),
    ("channels:\n  slack:\n    token: ${SLACK_BOT_TOKEN}", "channels:",
     "14: destinations.team.slack: needs channels.slack, which is missing"),
    # sources
    ("  progress:", "  pro/gress:", "7: sources.pro/gress: expected a name of letters, digits, - _ and ."),
    ("scheme: token", "scheme: tokn", "9: sources.progress.signature.scheme: unknown scheme; did you mean token?"),
    ("scheme: token", "header: a b", "9: sources.progress.signature.header: expected the name of an HTTP header"),
    ("scheme: token, secrets: {current: 8c1d9f27b4e05a6372f1c8d4}", "scheme: none",
     "9: sources.progress.signature: scheme none lets anyone send; confirm with allow_unsigned: true, or choose a"),
    ("scheme: token", "scheme: token, allow_unsigned: true",
     "9: sources.progress.signature: allow_unsigned goes with scheme none alone, and this one is token"),
    (", secrets: {current: 8c1d9f27b4e05a6372f1c8d4}", "", "9: sources.progress.signature: token needs a secret"),
    ("    signature: {scheme: token, secrets: {current: 8c1d9f27b4e05a6372f1c8d4}}", "",
     "7: sources.progress.signature: missing; it is required here"),
    # destinations
    ('    slack: "#team"\n', "", "15: destinations.team: expected slack or email or webhook or apprise"),
    ("[analyst@example.com, lead@example.com]", "[]",
     "19: destinations.analysts.email: expected 1 to 20 addresses, found 0"),
    ("    mode: live", "    mode: each\n    live: {min_step: 1}",
     "18: destinations.team.live: goes with mode: live, and this one is each"),
    ("    mode: live", "    quiet_hours: {from: '22', to: '6:00'}",
     '17: destinations.team.quiet_hours.from: expected a time of day such as "08:30"'),
    ("    mode: live", "    quiet_hours: {from: '6:00', to: '6:00'}",
     "17: destinations.team.quiet_hours: from and to are the same on every day, so nothing would ever be told"),
    ("    mode: live", "    quiet_hours: {from: '22:00', to: '6:00', pass: [critical]}",
     "17: destinations.team.quiet_hours.pass[0]: unknown moment; did you mean critical_"),
    *(("[analyst@example.com, lead@example.com]", f"a@example.com\n    mode: digest\n    {written}",
       f"21: destinations.analysts.{expected}") for written, expected in (
        ("at: 25:00", 'at: expected a time of day such as "08:30"'),
        ("days: monday", "days: expected daily, or days such as mon, mon-fri"),
        ("when_empty: send", "when_empty: removed; a weekly digest is sent when"))),
    # rules
    ("    priorities: [High, Critical]", "    statuses: [Ended]",
     "23: rules[0].statuses[0]: unknown status; expected Cancelled or Completed or Failed or Initiated or Running or"),
    ("notify: [team]", "notify: [temp, tea]", "25: rules[0].notify[0]: unknown destination 'temp'; did you mean team?"),
    ("    priorities: [High, Critical]", "    sources: [async]",
     "23: rules[0].sources[0]: unknown source 'async'; did you mean async-operations?"),
    ("    priorities: [High, Critical]", "    prioritys: [High]",
     "23: rules[0].prioritys: unknown key; did you mean priorities?"),
    ("[operation.*]", "[operations.*]", "22: rules[0].events[0]: fits no event; did you mean operation.failed?"),
    ("[operation.*]", "['operation.(a|b)+']", "22: rules[0].events[0]: expected an event's name, with *"),
    ("    notify: [team]\n", "", "21: rules[0].notify: missing; it is required here"),
    ("name: failures reach people", "name: follow important runs",
     "26: rules[1].name: the name of rules[0]; give each its own"),
    # YAML
    ("    mode: live", '    mode: live\n    slack: "#other"',
     "18: destinations.team.slack: written twice, first on line 16"),
    ("timezone: Europe/Berlin", "timezone: !!python/name:os.system x",
     "1: timezone: YAML tags (!…) have no meaning here"),
    ("timezone: Europe/Berlin", "? [a, b]\n: c", "1: ?: expected a word as key"),
    ("timezone: Europe/Berlin", 'data_dir: "a\\0b"', "1: data_dir: holds characters that are no text"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "expected"), FAULTS, ids=[new.strip() for _, new, _ in FAULTS])
def test_each_fault_is_named_with_file_line_and_key(old: str, new: str, expected: str) -> None:
    found = problems((old, new))

    assert any(line.startswith(f"relay.yaml:{expected}") for line in found), found


def test_the_shipped_configuration_is_right() -> None:
    config = load(REPOSITORY / "config" / "relay.yaml", env=SHIPPED, channels=CHANNELS)

    assert config.warnings == ()
    assert list(config.sources) == [
        "async-operations", "progress", "completion", "error", "batch-start", "operation-complete", "batch-complete",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "expected keys and values; the file is empty or something else"),
        (b"- a\n- b\n", "expected keys and values; the file is empty or something else"),
        (b"a: [1,\nb: 2\n", "3: not YAML: while parsing a flow sequence"),
        (b"a: 1\n--- \nb: 1\n", "2: not YAML: expected a single document in the stream"),
        (b"a: 1\nb: \x01\n", "2: not YAML: the character U+0001 is not allowed"),
        (b'a: "\\UFFFFFFFF"', "not YAML: an escape or the nesting cannot be read"),
        (b"\xff\xfea: 1", "cannot be read: it is not UTF-8 text"),
        (b"a: &a [*a]", "1: a"),
        (b"a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\n"
         b"d: &d [*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e]", "1: f"),
        (b"[" * 500, "not YAML: an escape or the nesting cannot be read"),
        (b"a: {b: ${C}}", "1: not YAML: while parsing a flow mapping; expected ',' or '}', but got '{'; put ${…} in "),
    ],
    ids=["empty", "list", "open", "two", "control", "escape", "utf16", "loop", "bomb", "deep", "${"],
)  # fmt: skip
def test_a_file_that_is_no_configuration_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "relay.yaml"
    file.write_bytes(content)

    with pytest.raises(ConfigError) as refusal:
        load(file, env={}, channels=CHANNELS)

    assert str(refusal.value).removeprefix(f"{file}:").lstrip().startswith(message)


def test_the_documentation_names_every_key() -> None:
    pages = ("configuration.md", "configuration-destinations.md")
    written = "".join((REPOSITORY / "docs" / page).read_text("utf-8") for page in pages)
    models: list[type[BaseModel]] = [Config, Server, Admin, Redis, Platform, Source, Signature, DestinationOptions,
                                     Live, Rule, RetryPolicy, Watchdog]  # fmt: skip

    missing = [
        name for model in models for name in model.model_fields if not re.search(rf"`([a-z]+\.)?{name}`", written)
    ]

    assert missing == []
