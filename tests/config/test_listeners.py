"""Tests of where relay listens: what is refused and warned of, with its line."""

import pytest

from relay.config import parse_config
from relay.errors import ConfigError
from tests.support.configuration import CHANNELS, GOOD, SECRETS

TOKEN = "Yq3x7Wc1Lf9Zk2Rb8Vt5Nh4Dm6Gs0Jp"


def with_server(settings: str) -> str:
    return f"server: {settings}\n{GOOD}"


def faults(text: str, **env: str) -> list[str]:
    try:
        parse_config(text, env=SECRETS | env, channels=CHANNELS)
    except ConfigError as refusal:
        return str(refusal).split("\n")
    return []


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        (
            "{admin: {host: 0.0.0.0}}",
            "1: server.admin.host: 0.0.0.0 can be reached from other machines; expected a token",
        ),
        ('{admin: {host: ""}}', "1: server.admin.host: every address can be reached from other machines; expected"),
        ("{admin: {token: changeme-changeme}}", "1: server.admin.token: the secret is a placeholder"),
        ("{port: 9000, admin: {port: 9000}}", "1: server.admin.port: the same as server.port; expected another one"),
        ("{port: 65535}", "1: server.admin.port: missing, and there is none above 65535; expected a port"),
        ("{reuse_port: true}", "1: server.reuse_port: needs redis.url: relays that share a port must share a Redis"),
        ("{tls: {certificate: /a, key: /b}}", "1: server.tls: removed; let a reverse proxy speak TLS"),
        ("{admin: {tls: {certificate: /a, key: /b}}}", "1: server.admin.tls: removed; let a reverse proxy speak TLS"),
    ],
)
def test_a_listener_that_would_not_do_is_refused_with_its_line(settings: str, fault: str) -> None:
    assert any(problem.startswith(fault) for problem in faults(with_server(settings)))


def test_others_may_ask_with_a_token() -> None:
    assert faults(with_server(f"{{admin: {{host: 0.0.0.0, token: {TOKEN}}}}}")) == []


@pytest.mark.parametrize(
    ("settings", "env", "port"),
    [
        ("{}", {}, 8081),
        ("{port: 9000}", {}, 9001),
        ("{port: 9000, admin: {port: 0}}", {}, 0),
        ("{admin: {port: 9100}}", {"RELAY_PORT": "9000"}, 9100),
        ("{}", {"RELAY_ADMIN_PORT": "9200"}, 9200),
        ("{}", {"RELAY_ADMIN_PORT": "tcp://10.0.0.7:8081"}, 8081),
    ],
)
def test_operators_have_the_port_above_unless_another_is_said(settings: str, env: dict[str, str], port: int) -> None:
    config = parse_config(with_server(settings), env={**SECRETS, **env}, channels=CHANNELS)

    assert config.server.admin_port == port


def test_a_short_token_is_warned_of() -> None:
    config = parse_config(
        with_server(f"{{admin: {{token: {TOKEN[:18]}}}}}"), file="relay.yaml", env=SECRETS, channels=CHANNELS
    )

    warnings = {problem.path: (problem.line, problem.message) for problem in config.warnings}
    assert warnings["server.admin.token"] == (1, "the token has 18 bytes; 24 or more are better")
