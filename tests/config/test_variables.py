"""Variables and files in the configuration, and the environment that decides over it."""

from pathlib import Path

import pytest

from relay.config import Config, parse_config
from relay.errors import ConfigError
from tests.support.configuration import CHANNELS, GOOD, OPERATORS, configured, problems

# Variables and files


def test_a_variable_that_is_not_set_is_named_with_its_line() -> None:
    with pytest.raises(ConfigError) as refusal:
        parse_config(GOOD, file="relay.yaml", env={"SLACK_BOT_TOKEN": "xoxb-1"}, channels=CHANNELS)

    assert str(refusal.value) == (
        "relay.yaml:6: sources.async-operations.signature.secrets.current: "
        "the environment variable RELAY_WEBHOOK_SECRET is not set"
    )


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
        ("$Name", "$Name"),  # of capitals alone it is refused, as a shell's variable
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


def test_a_variable_that_is_nearly_ours_is_warned_of_and_others_are_left_alone() -> None:
    config = configured(
        f"{GOOD}{OPERATORS}",
        env={"RELAY_REDIS_URI": "x", "RELAY_OTHER": "x", "RELAY_SERVICE_HOST": "x", "REDIS_URL": "x"},
    )

    assert [problem.message for problem in config.warnings] == [
        "the environment variable RELAY_REDIS_URI means nothing to relay; did you mean RELAY_REDIS_URL?"
    ]


def test_where_a_section_is_not_needed_its_secrets_may_be_missing() -> None:
    text = GOOD.replace("8c1d9f27b4e05a6372f1c8d4", "file:/nonexistent")

    def loaded(needed: tuple[str, ...]) -> Config:
        return parse_config(f"{text}redis: {{url: '${{URL}}'}}\n", env={}, channels=CHANNELS, needed=needed)

    assert loaded(("timezone",)).timezone == "Europe/Berlin"
    text += "platform: {base_url: '${URL}', links: {operation: '${URL}'}}\n"
    text += "server: {trusted_proxies: ['${PROXY}', 10.0.0.0/8]}\n"
    assert loaded(("timezone",)).platform.base_url == ""  # else previews would link to a placeholder
    assert loaded(("timezone",)).server.trusted_proxies == ("10.0.0.0/8",)
    with pytest.raises(ConfigError, match=r"redis.url: the environment variable URL is not set"):
        loaded(("redis",))
    with pytest.raises(ConfigError, match=r"RELAY_WEBHOOK_SECRET is not set"):
        loaded(("redis", "sources"))
