"""The configuration file: each fault is named, and whatever stands there, it is loaded or refused."""

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from relay.config import Config, Redis, Server, load
from relay.errors import ConfigError
from relay.platform.settings import Platform
from relay.policy.destinations import DestinationOptions, Live
from relay.policy.retry import RetryPolicy
from relay.policy.rules import Rule
from relay.policy.watchdog import Watchdog
from relay.receiving.access import Admin
from relay.receiving.sources import Signature, Source
from relay.receiving.tls import Tls
from tests.support.configuration import CHANNELS, GOOD, SECRETS, configured, problems

REPOSITORY = Path(__file__).parents[2]
SHIPPED = {**SECRETS, "RELAY_CALLBACK_TOKEN": "8c1d9f27b4e05a6372f1c8d4"}


FAULTS = [
    # a key, its value's type, and its range
    ("timezone: Europe/Berlin", "timezon: Europe/Berlin", "1: timezon: unknown key; did you mean timezone?"),
    ("    mode: live", "    mod: live", "17: destinations.team.mod: unknown key; did you mean mode?"),
    ("timezone: Europe/Berlin", "server: {port: many}", "1: server.port: expected a whole number"),
    ("timezone: Europe/Berlin", "server: {port: 65536}", "1: server.port: expected at most 65535"),
    ("timezone: Europe/Berlin", "server: [1, 2]", "1: server: expected keys and values"),
    ("timezone: Europe/Berlin", "server: ~", "1: server: expected keys and values"),
    ("timezone: Europe/Berlin", "language:", '1: language: expected text; write "" for none'),
    ("timezone: Europe/Berlin", "server: {max_body: 1 chunk}",
     "1: server.max_body: expected a size such as 1MiB or 256kB, or a number of bytes"),
    ("timezone: Europe/Berlin", "server: {max_body: 1GiB}", "1: server.max_body: expected at most 64MiB"),
    ("timezone: Europe/Berlin", "server: {drain: 5 apples}",
     "1: server.drain: expected a duration such as 90s, 5m or 1h30m"),
    ("timezone: Europe/Berlin", "server: {drain: 15}", "1: server.drain: expected a unit: 15s or 15m?"),
    ("timezone: Europe/Berlin", "callbacks: {token: short}", "1: callbacks.token.current: the secret is too short"),
    ("timezone: Europe/Berlin", "callbacks: {}", "1: callbacks.token: missing; it is required here"),
    ("timezone: Europe/Berlin", "server: {drain: 21s}",
     "1: server.drain: expected at most 20s: a stop ends within 30s, and what is being sent needs the rest"),
    ("timezone: Europe/Berlin", "server: {public_url: relay.example.com}",
     "1: server.public_url: expected an address such as https://relay.example.com"),
    ("timezone: Europe/Berlin", "redis: {url: localhost:6379}",
     "1: redis.url: expected redis://, rediss://, unix://, redis+sentinel:// or redis+cluster://, "
     "or nothing for a private Redis"),
    ("timezone: Europe/Berlin", "redis: {durability: fsnc}", "1: redis.durability: did you mean fsync?"),
    ("timezone: Europe/Berlin", "redis: {durability: replicated}",
     "1: redis.durability: replicated needs the url of a Redis that has replicas"),
    ("timezone: Europe/Berlin", "templates: /no/such/folder",
     "1: templates: expected a directory; there is none at /no/such/folder"),
    ("timezone: Europe/Berlin", "retry: {max_retries: -1}", "1: retry.max_retries: expected at least 0"),
    ("timezone: Europe/Berlin", "retry: {retryDelay: soon}", "1: retry.retryDelay: expected a duration such as 90s"),
    ("timezone: Europe/Berlin", "retry: {backoff_multiplier: 1e308}",
     "1: retry.backoff_multiplier: expected at most 100"),
    ("timezone: Europe/Berlin", "retry: {retry_delay: -5}", "1: retry.retry_delay: expected a duration"),
    ("timezone: Europe/Berlin", "retry: {retry_delay: nan}", "1: retry.retry_delay: expected"),
    ("timezone: Europe/Berlin", "retry: {max_delay: inf}", "1: retry.max_delay: expected a duration"),
    ("timezone: Europe/Berlin", "retry: {maxRetries: 1, max_retries: 2}",
     "1: retry.maxRetries: the same as max_retries; write it once"),
    # names of zones, languages and channels
    ("Europe/Berlin", "Europe/Berlni", "1: timezone: unknown time zone; did you mean Europe/Berlin?"),
    ("Europe/Berlin", "../../etc/passwd", "1: timezone: unknown time zone; expected for instance Europe/Berlin or UTC"),
    ("timezone: Europe/Berlin", "language: fr", "1: language: unknown language; expected de or en"),
    ("timezone: Europe/Berlin", "language: Deutsch", "1: language: expected a language such as en, de or de-AT"),
    ("  slack:\n", "  slak:\n", "11: channels.slak: unknown channel; did you mean slack?"),
    ("  email: {host: localhost, from: relay@example.com}", "  email: {hots: x}",
     "13: channels.email.hots: unknown key; did you mean host?"),
    ("channels:\n  slack:\n    token: ${SLACK_BOT_TOKEN}", "channels:",
     "14: destinations.team.slack: needs channels.slack, which is missing"),
    # sources
    ("  progress:", "  pro/gress:", "7: sources.pro/gress: expected a name of letters, digits, - _ and ."),
    ("    event: operation.progress", "    event: 1st", "8: sources.progress.event: expected an event's name"),
    ("scheme: token", "scheme: tokn", "9: sources.progress.signature.scheme: unknown scheme; did you mean token?"),
    ("scheme: token", "header: a b", "9: sources.progress.signature.header: expected the name of an HTTP header"),
    ("scheme: token", "tolerance: 2d", "9: sources.progress.signature.tolerance: expected at most 1d"),
    ("    event: operation.progress", "    max_age: 30s", "8: sources.progress.max_age: expected at least 1m"),
    ("scheme: token, secrets: {current: 8c1d9f27b4e05a6372f1c8d4}", "scheme: none",
     "9: sources.progress.signature: scheme none lets anyone send; confirm with allow_unsigned: true, or choose a"),
    ("scheme: token", "scheme: token, allow_unsigned: true",
     "9: sources.progress.signature: allow_unsigned goes with scheme none alone, and this one is token"),
    (", secrets: {current: 8c1d9f27b4e05a6372f1c8d4}", "", "9: sources.progress.signature: token needs a secret"),
    ("    signature: {scheme: token, secrets: {current: 8c1d9f27b4e05a6372f1c8d4}}", "",
     "7: sources.progress.signature: missing; it is required here"),
    ("    event: operation.progress", "    rate_limit: fast",
     "8: sources.progress.rate_limit: expected a rate such as 100/s, 600/min or 5000/h"),
    # destinations
    ('    slack: "#team"\n', "", "15: destinations.team: expected slack or email with an address"),
    ('    slack: "#team"', "    slack: [team]", "16: destinations.team.slack: expected a conversation's name or id"),
    ("[analyst@example.com, lead@example.com]", "[]", "19: destinations.analysts.email: expected at least one address"),
    ("    mode: live", "    mode: digest", "17: destinations.team.mode: expected live or each"),
    ("    mode: live", "    at: '08:30'", "17: destinations.team.at: goes with mode: digest, and this one is live"),
    ("    mode: live", "    mode: [live]", "17: destinations.team.mode: expected live or each"),
    ("    mode: live", "    mode: each\n    live: {min_step: 1}",
     "18: destinations.team.live: goes with mode: live, and this one is each"),
    ("    mode: live", "    live: {min_step: 101}", "17: destinations.team.live.min_step: expected at most 100"),
    ("    mode: live", "    mention: {faild: [a]}", "17: destinations.team.mention.faild: unknown moment; did you"),
    ("    mode: live", "    quiet_hours: 22-6",
     '17: destinations.team.quiet_hours: expected {from: "22:00", to: "07:00"}, or off'),
    ("    mode: live", "    quiet_hours: {from: '22', to: '6:00'}",
     '17: destinations.team.quiet_hours.from: expected a time of day such as "08:30"'),
    ("    mode: live", "    quiet_hours: {from: '6:00', to: '6:00'}",
     "17: destinations.team.quiet_hours: from and to are the same on every day, so nothing would ever be told"),
    ("    mode: live", "    quiet_hours: {from: '22:00', to: '6:00', pass: [critical]}",
     "17: destinations.team.quiet_hours.pass[0]: unknown moment; did you mean critical_"),
    ("    mode: live", "    channel: slack", "17: destinations.team.channel: unknown key; expected"),
    # rules
    ("notify: [team]", "notify: [temp, tea]", "25: rules[0].notify[0]: unknown destination 'temp'; did you mean team?"),
    ("notify: [team]", "notify: temp", "25: rules[0].notify: unknown destination 'temp'; did you mean team?"),
    ("    priorities: [High, Critical]", "    sources: [async]",
     "23: rules[0].sources[0]: unknown source 'async'; expected async-operations or progress"),
    ("[High, Critical]", "[High, Criticle]", "23: rules[0].priorities[1]: unknown priority; did you mean Critical?"),
    ("    priorities: [High, Critical]", "    statuses: [Ended]",
     "23: rules[0].statuses[0]: unknown status; expected Cancelled or Completed or Failed or Initiated or Running or"),
    ("    priorities: [High, Critical]", "    operation_types: []",
     "23: rules[0].operation_types: expected at least one"),
    ("[operation.*]", "[operations.*]", "22: rules[0].events[0]: fits no event; did you mean operation.failed?"),
    ("[operation.*]", "['operation.(a|b)+']", "22: rules[0].events[0]: expected an event's name, with *"),
    ("    min_progress_increment: 10", "    min_interval: 1x", "24: rules[0].min_interval: expected a duration"),
    ("    notify: [team]\n", "", "21: rules[0].notify: missing; it is required here"),
    ("name: failures reach people", "name: follow important runs",
     "26: rules[1].name: the name of rules[0]; give each its own"),
    ("rules:", "rule:", "20: rule: unknown key; did you mean rules?"),
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


def test_all_faults_are_told_at_once_and_in_the_order_of_the_file() -> None:
    found = problems(("Europe/Berlin", "Mars"), ("mode: live", "mode: loud"), ("notify: [team]", "notify: [tome]"))

    assert [line.split(":")[1] for line in found] == ["1", "17", "25"]


def test_one_fault_is_told_once() -> None:
    assert len(problems(("scheme: token", "scheme: tokn"))) == 1


# Files


def test_the_shipped_configuration_is_right() -> None:
    config = load(REPOSITORY / "config" / "relay.yaml", env=SHIPPED, channels=CHANNELS)

    assert config.warnings == ()
    assert list(config.sources) == [
        "async-operations", "progress", "completion", "error", "batch-start", "operation-complete", "batch-complete",
    ]  # fmt: skip


def test_the_shipped_configuration_names_the_variables_it_needs() -> None:
    with pytest.raises(ConfigError) as refusal:
        load(REPOSITORY / "config" / "relay.yaml", env={}, channels=CHANNELS)

    missing = [problem.message.split(" (")[0] for problem in refusal.value.problems]
    assert missing == [
        f"the environment variable {name} is not set"
        for name in ("RELAY_WEBHOOK_SECRET", "RELAY_CALLBACK_TOKEN", "SLACK_BOT_TOKEN")
    ]


def test_a_byte_order_mark_is_no_part_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "relay.yaml").write_bytes(b"\xef\xbb\xbf" + GOOD.encode())

    assert load(tmp_path / "relay.yaml", env=SECRETS, channels=CHANNELS) == configured()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "expected keys and values; the file is empty or something else"),
        (b"# nothing yet\n", "expected keys and values; the file is empty or something else"),
        (b"- a\n- b\n", "expected keys and values; the file is empty or something else"),
        (b"a: [1,\nb: 2\n", "3: not YAML: while parsing a flow sequence"),
        (b"a: 1\n\tb: 2\n", "2: not YAML: "),
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
    ids=["empty", "comment", "list", "open", "tab", "two", "control", "escape", "utf16", "loop", "bomb", "deep", "${"],
)  # fmt: skip
def test_a_file_that_is_no_configuration_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "relay.yaml"
    file.write_bytes(content)

    with pytest.raises(ConfigError) as refusal:
        load(file, env={}, channels=CHANNELS)

    assert str(refusal.value).removeprefix(f"{file}:").lstrip().startswith(message)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.yaml: cannot be read: No such file or directory"):
        load(tmp_path / "absent.yaml", env={}, channels=CHANNELS)


@pytest.mark.parametrize("lines", range(GOOD[: GOOD.index("notify")].count("\n")))
def test_a_file_cut_off_before_its_first_rule_is_complete_is_refused(lines: int) -> None:
    half = "".join(GOOD.splitlines(keepends=True)[:lines])

    with pytest.raises(ConfigError):
        configured(half)


def test_the_documentation_names_every_key() -> None:
    pages = ("configuration.md", "configuration-destinations.md")
    written = "".join((REPOSITORY / "docs" / page).read_text("utf-8") for page in pages)
    models: list[type[BaseModel]] = [
        Config,
        Server,
        Admin,
        Tls,
        Redis,
        Platform,
        Source,
        Signature,
        DestinationOptions,
        Live,
        Rule,
        RetryPolicy,
        Watchdog,
    ]

    missing = [
        name for model in models for name in model.model_fields if not re.search(rf"`([a-z]+\.)?{name}`", written)
    ]

    assert missing == []
