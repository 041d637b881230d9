"""`channels.slack` as people write it: keys of older files are good for ever."""

import pytest

from relay.channels import CHANNELS
from relay.channels.slack.settings import NewMessageLimit, SlackSettings
from relay.config import parse_config
from relay.errors import ConfigError


def settings(keys: str) -> SlackSettings:
    text = f"""
sources: {{ops: {{signature: {{secrets: {{current: "a-secret-of-enough-length"}}}}}}}}
channels: {{slack: {{token: xoxb-the-token-of-the-test, {keys}}}}}
rules: []
"""
    configured = parse_config(text, env={}, channels=CHANNELS).channels["slack"]
    assert isinstance(configured, SlackSettings)
    return configured


@pytest.mark.parametrize("key", ["new_message_limit", "new_roots"])
@pytest.mark.parametrize(
    ("value", "limit"), [("{count: 5, per: 1m}", NewMessageLimit(count=5, per=60.0)), ("off", None)]
)
def test_the_limit_on_new_messages_has_an_old_name_too(key: str, value: str, limit: NewMessageLimit | None) -> None:
    assert settings(f"{key}: {value}").new_message_limit == limit


def test_the_limit_under_both_names_is_a_mistake() -> None:
    with pytest.raises(ConfigError) as caught:
        settings("new_message_limit: off, new_roots: {count: 5, per: 1m}")

    assert str(caught.value) == "3: channels.slack.new_roots: the same as new_message_limit; write it once"


@pytest.mark.parametrize("key", ["new_message_limit", "new_roots"])
@pytest.mark.parametrize(
    ("value", "path", "expected"),
    [("20", "", "expected {count: 20, per: 10m}, or off"), ("{count: 0}", ".count", "expected at least 1")],
)
def test_a_mistake_is_reported_under_the_name_that_was_written(key: str, value: str, path: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        settings(f"{key}: {value}")

    assert str(caught.value) == f"3: channels.slack.{key}{path}: {expected}"
