"""The ways into the console: what a configuration may say, and how a mistake is told, without the secret in it."""

import json
from typing import Any

import pytest

from relay.config import Config, parse_config
from relay.errors import ConfigError
from tests.support.configuration import CHANNELS, GOOD, SECRETS

TOKEN = "Yq3x7Wc1Lf9Zk2Rb8Vt5Nh4Dm6Gs0Jp"
URL = "https://relay.example.com"
HEADER = {"user": "X-Forwarded-User"}
TOKENS = {"deploy": {"token": TOKEN, "role": "viewer"}}


def read(**console: Any) -> Config:
    return parse_config(f"console: {json.dumps(console)}\n{GOOD}", env=SECRETS, channels=CHANNELS)


def fault(**console: Any) -> str:
    with pytest.raises(ConfigError) as refused:
        read(**console)
    return str(refused.value)


def warned(path: str, **console: Any) -> list[str]:
    return [warning.message for warning in read(**console).warnings if warning.path == path]


def test_what_may_be_said_means_what_it_says() -> None:
    config = read(url=f"{URL}/", tokens=TOKENS).console

    assert (config.url, config.configured) == (URL, True)
    assert config.tokens["deploy"].role == "viewer"


def test_a_trusted_header_needs_a_proxy_that_is_trusted() -> None:
    assert "1: console.trusted_header: nobody is believed who states a user; expected the address" in fault(
        trusted_header=HEADER
    )
    console = {"trusted_header": {**HEADER, "groups": "X-Forwarded-Groups", "operator_groups": "data"}}
    text = f"server: {{trusted_proxies: 10.0.0.5}}\nconsole: {json.dumps(console)}\n{GOOD}"
    config = parse_config(text, env=SECRETS, channels=CHANNELS).console

    assert config.configured
    assert config.trusted_header
    assert (config.trusted_header.operators, config.trusted_header.operator_groups) == ((), ("data",))


@pytest.mark.parametrize(
    ("console", "expected"),
    [
        ({"tokens": {"a": {"token": TOKEN, "role": "vewer"}}}, "console.tokens.a.role: did you mean viewer?"),
        ({"trusted_header": {"user": "X_User:"}}, "console.trusted_header.user: expected a header such as"),
        ({"trusted_header": {**HEADER, "operator_groups": "data"}}, "operator_groups needs `groups` beside it"),
        ({"tokens": {"a": {"token": "short", "role": "viewer"}}}, "console.tokens.a.token: the secret is too short"),
        ({"session": "10s"}, "console.session: removed; a login ends after twelve hours"),
        ({"token": {}}, "console.token: unknown key; did you mean tokens?"),
        ({"url": f"{URL}/relay"}, "console.url: expected an address without a path"),
        ({"oidc": {"client_secret": "a-secret"}}, "console.oidc: removed; have a proxy such as"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_line_and_without_its_secret(console: dict[str, Any], expected: str) -> None:
    told = fault(**console)

    assert expected in told
    assert told.startswith("1: console")
    assert not [secret for secret in (TOKEN, "a-secret") if secret in told]


def test_sessions_that_others_can_read_on_their_way_are_warned_of() -> None:
    server = f'server: {{admin: {{host: 10.0.0.5, token: "{TOKEN}"}}}}\n'

    def told(**console: Any) -> list[str]:
        text = f"{server}console: {json.dumps(console)}\n{GOOD}"
        config = parse_config(text, env=SECRETS, channels=CHANNELS)
        return [warning.message for warning in config.warnings if warning.path == "console"]

    assert "logins and sessions go over the network as they are" in told(tokens=TOKENS)[0]
    assert "logins and sessions" in told(url="http://relay.example.com")[0]
    assert told(tokens=TOKENS, url=URL) == []
    assert told() == []
