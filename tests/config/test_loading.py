"""The configuration: what may be written, what it means, and what is said about each fault."""

import base64
import random
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr

from relay.config import Config, Redis, Server, load, parse_config
from relay.errors import ConfigError
from relay.platform.settings import Platform
from relay.policy.destinations import DestinationOptions, Live
from relay.policy.retry import RetryPolicy
from relay.policy.rules import Rule
from relay.policy.watchdog import Watchdog
from relay.receiving.sources import RateLimit, Signature, Source, refuse_weak
from tests.support.configuration import CHANNELS, GOOD, SECRETS, configured

REPOSITORY = Path(__file__).parents[2]
SHIPPED = {**SECRETS, "RELAY_CALLBACK_TOKEN": "8c1d9f27b4e05a6372f1c8d4"}
TOKEN = "8c1d9f27b4e05a6372f1c8d4"


def problems(*changes: tuple[str, str], env: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(ConfigError) as refusal:
        configured(GOOD, *changes, env=env)
    return str(refusal.value).split("\n")


def warnings(config: Config) -> list[str]:
    return [f"{problem.line}: {problem.path}: {problem.message}" for problem in config.warnings]


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
    ("timezone: Europe/Berlin", "server: {max_body: 1GiB}", "1: server.max_body: expected at most 67108864"),
    ("timezone: Europe/Berlin", "server: {drain: 5 apples}",
     "1: server.drain: expected a duration such as 90s, 5m or 1h30m, or a number of seconds"),
    ("timezone: Europe/Berlin", "server: {drain: 21s}",
     "1: server.drain: expected at most 20s: a stop ends within 30s, and what is being sent needs the rest"),
    ("timezone: Europe/Berlin", "server: {public_url: relay.example.com}",
     "1: server.public_url: expected an address such as https://relay.example.com"),
    ("timezone: Europe/Berlin", "redis: {url: localhost:6379}",
     "1: redis.url: expected redis://, rediss:// or unix://, or nothing for a private Redis"),
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
    ('    slack: "#team"\n', '    slack: "#team"\n    email: a@b\n', "15: destinations.team: expected slack or email"),
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


# Variables and files


def test_a_variable_that_is_not_set_is_named_with_its_line() -> None:
    with pytest.raises(ConfigError) as refusal:
        parse_config(GOOD, file="relay.yaml", env={"SLACK_BOT_TOKEN": "xoxb-1"}, channels=CHANNELS)

    assert str(refusal.value) == (
        "relay.yaml:6: sources.async-operations.signature.secrets.current: "
        "the environment variable RELAY_WEBHOOK_SECRET is not set"
    )


def test_a_variable_that_is_not_set_is_named_once_with_every_line() -> None:
    [found] = problems(("Europe/Berlin", "${ZONE}"), ("min_progress_increment: 10", "min_interval: ${ZONE}"))

    assert found == "relay.yaml:1: timezone: the environment variable ZONE is not set (used again on line 24)"


@pytest.mark.parametrize(
    ("written", "tenant"),
    [
        ("${NAME}", "north"),
        ("a-${NAME}-b", "a-north-b"),
        ("${NAME:-south}", "north"),
        ("${ABSENT:-south}", "south"),
        ("'${ABSENT:-}'", ""),
        ("${EMPTY:-south}", "south"),
        ("'${EMPTY}'", ""),
        ("$${NAME}", "${NAME}"),
        ("$NAME", "$NAME"),
        ("${LIKE_A_VARIABLE}", "${NAME}"),
    ],
)
def test_variables_are_replaced_once(written: str, tenant: str) -> None:
    config = configured(
        GOOD,
        ("timezone: Europe/Berlin", f"platform:\n  tenant: {written}"),
        env={"NAME": "north", "EMPTY": "", "LIKE_A_VARIABLE": "${NAME}"},
    )

    assert config.platform.tenant == tenant


@pytest.mark.parametrize("written", ["'${'", "'${}'", "'${1}'", "'${A B}'", "'${A-b}'"])
def test_what_only_looks_like_a_variable_is_refused(written: str) -> None:
    found = problems(("Europe/Berlin", written))

    assert found == ["relay.yaml:1: timezone: expected ${NAME} or ${NAME:-default}; write $${ for a plain ${"]


@pytest.mark.parametrize(("content", "secret"), [("s3cret-of-24-characters\n", "s3cret-of-24-characters"),
                                                 ("s3cret-of-24-characters\r\n", "s3cret-of-24-characters"),
                                                 ("s3cret-of-24-characters", "s3cret-of-24-characters")])  # fmt: skip
def test_a_file_gives_its_text_without_the_last_line_end(tmp_path: Path, content: str, secret: str) -> None:
    (tmp_path / "secret").write_bytes(content.encode())

    config = configured(GOOD, ("${RELAY_WEBHOOK_SECRET}", f"file:{tmp_path}/secret"))

    assert config.sources["async-operations"].signature.secrets["current"].get_secret_value() == secret


def test_a_variable_may_name_the_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("xoxb-from-a-file")

    config = configured(env={"SLACK_BOT_TOKEN": f"file:{tmp_path}/token"})

    assert config.channels["slack"].token.get_secret_value() == "xoxb-from-a-file"  # type: ignore[attr-defined]


def test_a_file_that_cannot_be_read_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe")

    missing = problems(("${RELAY_WEBHOOK_SECRET}", "file:/no/such/secret"))
    folder = problems(("${RELAY_WEBHOOK_SECRET}", f"file:{tmp_path}"))
    binary = problems(("${RELAY_WEBHOOK_SECRET}", f"file:{tmp_path}/binary"))

    place = "relay.yaml:6: sources.async-operations.signature.secrets.current: cannot read"
    assert missing == [f"{place} /no/such/secret: No such file or directory"]
    assert folder == [f"{place} {tmp_path}: Is a directory"]
    assert binary == [f"{place} '{tmp_path}/binary': it is not UTF-8 text, or no file's name"]


def test_the_environment_decides_over_the_file() -> None:
    env = {"RELAY_REDIS_URL": "redis://r:6379/1", "RELAY_HOST": "::1", "RELAY_PORT": "9000", "RELAY_DATA_DIR": "/var/r"}

    config = configured(GOOD, ("timezone: Europe/Berlin", "server: {port: 1}\nredis: {replicas: 2}"), env=env)

    assert (config.redis.url, config.redis.replicas) == ("redis://r:6379/1", 2)
    assert (config.server.host, config.server.port, config.data_dir) == ("::1", 9000, Path("/var/r"))


def test_an_empty_override_is_none() -> None:
    assert configured(env={"RELAY_REDIS_URL": "", "RELAY_PORT": ""}) == configured()


def test_a_wrong_override_is_called_by_the_variable() -> None:
    assert problems(env={"RELAY_PORT": "http"}) == ["relay.yaml: RELAY_PORT: expected a whole number"]


def test_an_override_of_a_section_that_is_none_leaves_the_fault_to_the_file() -> None:
    found = problems(("timezone: Europe/Berlin", "server: [1]"), env={"RELAY_PORT": "81"})

    assert found == ["relay.yaml:1: server: expected keys and values"]


def test_the_port_that_kubernetes_sets_for_a_service_called_relay_is_ignored() -> None:
    config = configured(env={"RELAY_PORT": "tcp://10.0.0.1:8080"})

    assert config.server.port == 8080
    assert [problem.message for problem in config.warnings] == [
        "RELAY_PORT=tcp://10.0.0.1:8080 comes from Kubernetes and is ignored"
    ]


def test_a_variable_that_is_nearly_ours_is_warned_of_and_others_are_left_alone() -> None:
    config = configured(env={"RELAY_REDIS_URI": "x", "RELAY_OTHER": "x", "RELAY_SERVICE_HOST": "x", "REDIS_URL": "x"})

    assert [problem.message for problem in config.warnings] == [
        "the environment variable RELAY_REDIS_URI means nothing to relay; did you mean RELAY_REDIS_URL?"
    ]


# Secrets


@pytest.mark.parametrize(
    ("secret", "complaint"),
    [
        ("''", "the secret is empty"),
        ("'   '", "the secret is empty"),
        ("'***'", "the secret is a placeholder"),
        ("'************************'", "the secret is a placeholder"),
        ("changeme", "the secret is a placeholder"),
        ("change-me-change-me-change-me", "the secret is a placeholder"),
        ("your-webhook-secret-key", "the secret is a placeholder"),
        ("<your-secret-goes-here-please>", "the secret is a placeholder"),
        ("$${RELAY_WEBHOOK_SECRET}", "the secret is a placeholder"),
        ("' 8c1d9f27b4e05a6372f1c8d4'", "the secret begins or ends with white space"),
        ("123456789abcdef", "the secret is too short; expected at least 16 bytes, better 24"),
        ("whsec_MDEyMzQ1Njc4OWFiY2Rl", "the secret is too short"),
        ("the-secret-your-platform-signs-with", "the secret is an example from documentation"),
        ("the-token-your-callbacks-carry", "the secret is an example from documentation"),
        ('"it\'s a secret to everybody"', "the secret is an example from documentation"),
        ('"It\'s a Secret to Everybody"', "the secret is an example from documentation"),
        ("8f742231b10e8888abcd99yyyzzz85a5", "the secret is an example from documentation"),
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "the secret is an example from documentation"),
        ("whsec_5WbX5kEWLlfzsGNjH64I8lOOqUB6e8FH", "the secret is an example from documentation"),
        ("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD", "the secret is an example from documentation"),
        ("$(openssl rand -hex 32)", "the secret is a placeholder"),
        ("$(cat /run/secrets/webhook)", "the secret is a placeholder"),
        ("openssl rand -hex 32", "the secret is a placeholder"),
        ("<insert-secret-here>", "the secret is a placeholder"),
        ("‹the value from the vault›", "the secret is a placeholder"),
        ("env:RELAY_WEBHOOK_SECRET", "the secret is a variable's name; write ${NAME}"),
        ("prefix-and-change-me-1234567890", "the secret is a placeholder"),
        ("password12345678", "the secret is a placeholder"),
        ("0123456789abcdef", "the secret can be guessed"),
        ("0123456789abcdef0123456789abcdef", "the secret can be guessed"),
        ("zyxwvutsrqponmlkjihg", "the secret can be guessed"),
        ("secretsecretsecret", "the secret can be guessed"),
        ("abcabcabcabcabcabcabcabcab", "the secret can be guessed"),
        ("deadbeef-deadbeef-deadbeef-", "the secret can be guessed"),
        ("aabbccddeeaabbccdd", "the secret can be guessed"),
        ("00112233445566778899aabbccddeeff", "the secret can be guessed"),
        ("webhook-secret-123", "the secret can be guessed"),
        ("supersecretvalue1", "the secret can be guessed"),
        ("this-is-a-secret", "the secret can be guessed"),
        ("example-secret-key", "the secret can be guessed"),
        ("adminadminadmin1", "the secret can be guessed"),
        ("My_Relay_Webhook_Token", "the secret can be guessed"),
        ("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "the secret can be guessed"),
        ("whsec_MDEyMzQ1Njc4OWFiY2RlZg==", "the secret can be guessed"),
        ("whsec_dGhpcy1pcy1hLXNlY3JldC0x", "the secret can be guessed"),
    ],
)
def test_a_secret_that_is_none_is_refused(secret: str, complaint: str) -> None:
    [found] = problems(("${RELAY_WEBHOOK_SECRET}", secret))

    assert found.startswith(f"relay.yaml:6: sources.async-operations.signature.secrets.current: {complaint}")


@given(
    st.randoms(use_true_random=False),
    st.sampled_from(["hex", "urlsafe", "whsec", "digits", "printable"]),
    st.integers(16, 64),
)
def test_a_secret_that_was_made_by_chance_is_taken(chance: random.Random, spelling: str, length: int) -> None:
    key = random.Random(chance.random()).randbytes(length)
    encoded = base64.b64encode(key).decode()
    secret = {
        "hex": key.hex(),
        "urlsafe": encoded.translate(str.maketrans("+/", "-_")),
        "whsec": f"whsec_{encoded}",
        "digits": f"{int.from_bytes(key)}",
        "printable": "".join(chr(37 + byte % 90) for byte in key),  # without $, which begins a variable
    }

    assert refuse_weak(SecretStr(secret[spelling]))


def test_a_short_secret_is_warned_of() -> None:
    config = configured(GOOD, ("${RELAY_WEBHOOK_SECRET}", "8c1d9f27b4e05a63"))

    assert warnings(config) == [
        "6: sources.async-operations.signature.secrets.current: the secret has 16 bytes; 24 or more are better"
    ]


def test_several_secrets_may_be_valid_at_once() -> None:
    config = configured(GOOD, ("{current: 8c1d", "{next: d4c8f17263a50e4b279f1dc8, current: 8c1d"))

    assert list(config.sources["progress"].signature.secrets) == ["next", "current"]


def test_no_secret_shows_in_an_error_or_in_the_settings() -> None:
    secret = "a-secret-value-that-shows-nowhere"
    env = {"RELAY_WEBHOOK_SECRET": secret, "SLACK_BOT_TOKEN": secret, "RELAY_REDIS_URL": f"redis://:{secret}@r:6379"}

    shown = [repr(configured(env=env)), str(configured(env=env))]
    shown += problems(("timezone: Europe/Berlin", "server: {port: '${SLACK_BOT_TOKEN}'}"), env=env)
    shown += problems(("mode: live", "mode: ${SLACK_BOT_TOKEN}"), ("scheme: token", "scheme: x"), env=env)
    shown += problems(env={"RELAY_REDIS_URL": f"reddis://:{secret}@r:6379"})

    assert not [text for text in shown if secret in text]


# Meaning


def test_the_defaults_are_those_of_the_documentation() -> None:
    config = configured(GOOD, ("timezone: Europe/Berlin\n", ""))

    assert (config.server.host, config.server.port, config.server.max_body) == ("0.0.0.0", 8080, 1_048_576)
    assert config.server.drain == 5.0
    assert (config.redis.url, config.redis.durability, config.redis.replicas) == ("", "auto", 1)
    assert (config.data_dir, config.language, config.timezone, config.templates) == (Path("data"), "en", "UTC", None)
    assert config.retry == RetryPolicy()
    signature = config.sources["async-operations"].signature
    assert (signature.scheme, signature.header, signature.tolerance) == ("hmac-sha256", "", 300.0)
    assert config.warnings == ()


def test_a_destinations_mode_is_its_channels_first() -> None:
    config = configured(GOOD, ("    mode: live\n", ""))

    assert [destination.mode for destination in config.destinations.values()] == ["live", "each"]


def test_a_destination_knows_its_channel_and_addresses() -> None:
    analysts = configured().destinations["analysts"]

    assert (analysts.name, analysts.channel) == ("analysts", "email")
    assert analysts.addresses == ("analyst@example.com", "lead@example.com")


def test_a_destination_takes_from_the_retry_at_the_top_what_its_own_leaves_out() -> None:
    config = configured(
        GOOD,
        ("timezone: Europe/Berlin", "retry: {maxRetries: 9, retry_delay: 5m, max_delay: 2h}"),
        ("mode: live", "retry: {retryDelay: 1s}"),
    )

    assert config.retry == RetryPolicy(max_retries=9, retry_delay=300, max_delay=7200)
    assert config.destinations["team"].retry == RetryPolicy(max_retries=9, retry_delay=1, max_delay=7200)
    assert config.destinations["analysts"].retry is None


def test_live_durations_may_be_zero() -> None:
    config = configured(GOOD, ("mode: live", "live: {post_after: 0s, min_step: 0, min_interval: 0}"))

    live = config.destinations["team"].live
    assert (live.post_after, live.min_step, live.min_interval) == (0, 0, 0)


def test_mentions_are_listed_by_status_and_priority_in_any_case_of_letters() -> None:
    config = configured(GOOD, ("mode: live", "mention: {Failed: '@a', critical_timeout: ['@b', '@c']}"))

    assert config.destinations["team"].mention == {"failed": ("@a",), "critical_timeout": ("@b", "@c")}


def test_the_spellings_of_the_api_are_accepted() -> None:
    config = configured(
        GOOD,
        ("    min_progress_increment: 10", "    minProgressIncrement: 15\n    operationTypes: [DataEnrichment]"),
    )

    assert config.rules[0].min_progress_increment == 15
    assert config.rules[0].operation_types == ("DataEnrichment",)


def test_a_lone_text_is_a_list_of_one_and_letters_may_have_any_case() -> None:
    config = configured(GOOD, ("priorities: [High, Critical]", "statuses: RUNNING"), ("notify: [team]", "notify: team"))

    assert (config.rules[0].statuses, config.rules[0].notify) == (("Running",), ("team",))


def test_a_rule_without_a_name_is_called_by_its_number() -> None:
    config = configured(GOOD, ("- name: failures reach people\n    events", "- events"))

    assert [rule.name for rule in config.rules] == ["follow important runs", "rule 2"]


@pytest.mark.parametrize("written", ["no", "12:30", "0123", "1e3", "2024-01-20", "null_", "0x1F", "1_000"])
def test_what_stands_in_the_file_stays_what_it_is(written: str) -> None:
    config = configured(GOOD, ("timezone: Europe/Berlin", f"platform: {{tenant: {written}}}"))

    assert config.platform.tenant == written


def test_numbers_may_come_from_variables() -> None:
    config = configured(
        GOOD, ("timezone: Europe/Berlin", "server: {port: '${PORT}', max_body: '${MAX:-256kB}'}"), env={"PORT": "81"}
    )

    assert (config.server.port, config.server.max_body) == (81, 256_000)


def test_anchors_may_repeat_a_value() -> None:
    config = configured(
        GOOD,
        ("    signature:\n      secrets:", "    signature: &signed\n      secrets:"),
        (f"    signature: {{scheme: token, secrets: {{current: {TOKEN}}}}}", "    signature: *signed"),
    )

    assert config.sources["progress"].signature == config.sources["async-operations"].signature


def test_a_rate_limit_is_so_many_in_so_long() -> None:
    config = configured(GOOD, ("event: operation.progress", "rate_limit: 600/min"))

    assert config.sources["progress"].rate_limit == RateLimit(count=600, period=60)


def test_a_channel_that_is_content_with_its_defaults_need_not_be_configured() -> None:
    config = configured(GOOD, ("  email: {host: localhost, from: relay@example.com}\n", ""))

    assert set(config.channels) == {"slack", "email"}


def test_a_language_of_the_users_own_templates_is_accepted(tmp_path: Path) -> None:
    (tmp_path / "locales" / "fr").mkdir(parents=True)
    (tmp_path / "locales" / "fr" / "messages.po").touch()

    config = configured(GOOD, ("timezone: Europe/Berlin", f"templates: {tmp_path}\nlanguage: fr"))

    assert config.language == "fr"


def test_a_regional_language_makes_do_with_its_main_one() -> None:
    assert configured(GOOD, ("timezone: Europe/Berlin", "language: de-AT")).language == "de-AT"


@pytest.mark.parametrize(
    ("old", "new", "warning"),
    [
        ("scheme: token, secrets: {current: 8c1d9f27b4e05a6372f1c8d4}", "scheme: none, allow_unsigned: true",
         "9: sources.progress.signature: unsigned: anyone who knows the address can send events"),
        ("event: operation.progress", "event: operation.progres",
         "8: sources.progress.event: not an event that relay knows; did you mean operation.progress?"),
        ("[operation.failed]", "[operation.failed, operation.fialed]",
         "27: rules[1].events[1]: not an event that relay knows; did you mean operation.failed?"),
        ("notify: [team, analysts]", "notify: [team]", "18: destinations.analysts: no rule notifies it"),
        ("  analysts:\n", '  room: {slack: "#team"}\n  analysts:\n',
         "18: destinations.room.slack: #team also stands in team: what reaches both is told there twice"),
        (GOOD[GOOD.index("rules:"):], "rules: []", "20: rules: there are none, so nobody is notified of anything"),
    ],
)  # fmt: skip
def test_what_works_but_was_hardly_meant_is_warned_of(old: str, new: str, warning: str) -> None:
    config = configured(GOOD, (old, new))

    assert warning in warnings(config)


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
    written = (REPOSITORY / "docs" / "configuration.md").read_text("utf-8")
    models: list[type[BaseModel]] = [
        Config,
        Server,
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


# Whatever stands there


SCRAPS = [
    "\n", " ", "  ", ":", "-", "[", "]", "{", "}", '"', "'", "*", "&a ", "!!", "|", "?", "~", "${", "${X}", "\t", "#",
    "@", "ü", "\0", "\ud800", '"\\ud800"', "file:", "no", "1e999", "-1", "nan", "<<: ", "%YAML 1.1",
]  # fmt: skip


def loads_or_is_refused(text: str) -> None:
    try:
        configured(text)
    except ConfigError as error:
        assert str(error).encode()


@pytest.mark.parametrize("seed", range(20))
def test_a_damaged_file_is_never_worse_than_refused(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(50):
        text = GOOD
        for _ in range(chance.randint(1, 3)):
            start = chance.randrange(len(text))
            text = text[:start] + chance.choice(SCRAPS) + text[start + chance.choice((0, 0, 1, 5, 40)) :]

        loads_or_is_refused(text)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["live", "team", "*"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
PLACES = [line for line in GOOD.splitlines() if ": " in line]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(PLACES), VALUES)
def test_any_value_anywhere_is_accepted_or_refused(place: str, value: object) -> None:
    key = place.partition(": ")[0]

    loads_or_is_refused(GOOD.replace(place, f"{key}: {flow(value)}", 1))


def flow(value: object) -> str:
    """The value in YAML's flow style, which has its own quoting for text."""
    if isinstance(value, list):
        return f"[{', '.join(map(flow, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{flow(key)}: {flow(inner)}" for key, inner in value.items()) + "}"
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else str(value)


def test_the_watchdog_is_on_unless_it_is_off() -> None:
    assert configured().watchdog == Watchdog()
    assert configured(GOOD + "watchdog: off\n").watchdog is None
    changed = configured(GOOD + "watchdog: {silent: 1h, flat: off, remind: 1h}\n").watchdog
    assert changed
    assert (changed.silent, changed.flat, changed.overdue_pct, changed.remind) == (3600, None, 20, (3600,))


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("{silent: 0}", "watchdog.silent: expected more than 0; write off to go without this rule"),
        ("{flat: soon}", "watchdog.flat: expected a duration such as 90s, 5m or 1h30m"),
        ("{quiet: 5m}", "watchdog.quiet: unknown key"),
        ("{overdue_pct: much}", "watchdog.overdue_pct: expected a number"),
        ("on", "watchdog: expected keys and values"),
    ],
)
def test_a_watchdog_that_makes_no_sense_is_refused(written: str, expected: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(expected)):
        configured(GOOD + f"watchdog: {written}\n")


def test_a_rule_may_name_relay_as_a_source_and_stalled_as_a_status() -> None:
    rule = "  - {name: mine, sources: relay, events: [operation.stalled], statuses: [Stalled], notify: [team]}\n"

    assert configured(GOOD + rule).rules[-1].sources == ("relay",)
