"""Who may see the console: what a configuration may say, and how a mistake is told, without the secret in it."""

import json
from typing import Any

import pytest

from relay.config import Config, parse_config
from relay.config.listeners import check_console
from relay.configfile.document import Document
from relay.errors import ConfigError
from tests.support.configuration import CHANNELS, GOOD, SECRETS
from tests.support.doors import HASHES, RIGHT

TOKEN = "Yq3x7Wc1Lf9Zk2Rb8Vt5Nh4Dm6Gs0Jp"
HASH = HASHES[RIGHT]
OIDC = {"issuer": "https://id.example.com", "client_id": "relay", "client_secret": "a-secret", "viewers": "*"}
URL = "https://relay.example.com"


def read(**console: Any) -> Config:
    return parse_config(f"console: {json.dumps(console)}\n{GOOD}", env=SECRETS, channels=CHANNELS)


def fault(**console: Any) -> str:
    with pytest.raises(ConfigError) as refused:
        read(**console)
    return str(refused.value)


def jana(password: str, role: str = "viewer") -> dict[str, Any]:
    return {"jana": {"password": password, "role": role}}


def test_what_may_be_said_means_what_it_says() -> None:
    config = read(users=jana(HASH, "operator"), oidc=OIDC, url=f"{URL}/", session="8h",
                  tokens={"deploy": {"token": TOKEN, "role": "viewer"}}).console  # fmt: skip

    assert (config.url, config.session, config.configured) == (URL, 8 * 3600, True)
    assert config.users["jana"].role == "operator"
    assert config.tokens["deploy"].role == "viewer"
    assert config.oidc
    assert (config.oidc.viewers, config.oidc.operators, config.oidc.groups_claim) == (("*",), (), "groups")


def test_without_a_word_it_is_off() -> None:
    config = parse_config(GOOD, env=SECRETS, channels=CHANNELS).console

    assert not config.configured
    assert config.session == 12 * 3600


def test_no_secret_shows() -> None:
    config = read(users=jana(HASH), oidc=OIDC, url=URL, tokens={"deploy": {"token": TOKEN, "role": "viewer"}})

    assert not [secret for secret in (HASH, TOKEN, "a-secret") if secret in repr(config)]


WEAK = "$argon2id$v=19$m=4096,t=1,p=1$" + "c2FsdHNhbHRzYWx0c2FsdA$" + "a" * 43
DEAR = WEAK.replace("m=4096", "m=4194304")


@pytest.mark.parametrize(
    ("console", "expected"),
    [
        ({"users": jana("hunter2")}, "console.users.jana.password: expected what `relay console password` prints"),
        ({"users": jana("$2b$12$abcdefghijklmnopqrstuv")}, "expected what `relay console password` prints"),
        ({"users": jana(HASH[:60])}, "console.users.jana.password: the hash is cut off: in { } it stands in quotes"),
        ({"users": jana(WEAK)}, "console.users.jana.password: the hash is too cheap to guess"),
        ({"users": jana(DEAR)}, "console.users.jana.password: the hash costs too much; expected at most m=262144"),
        ({"users": jana(HASH, "admin")}, "console.users.jana.role: expected operator or viewer"),
        ({"users": jana(HASH, "vewer")}, "console.users.jana.role: did you mean viewer?"),
        ({"users": {"jana": {"password": HASH}}}, "console.users.jana.role: missing; it is required here"),
        ({"users": {"<b>": {}}}, "expected a name of letters, digits and . _ @ + -"),
        ({"tokens": {"a": {"token": "short", "role": "viewer"}}}, "console.tokens.a.token: the secret is too short"),
        ({"session": "10s"}, "console.session: expected at least 5m"),
        ({"session": "8d"}, "console.session: expected at most 7d"),
        ({"usres": {}}, "console.usres: unknown key; did you mean users?"),
        ({"url": "relay.example.com"}, "console.url: expected an address such as https://relay.example.com"),
        ({"url": f"{URL}/relay"}, "console.url: expected an address without a path"),
        ({"oidc": OIDC}, "console: oidc needs the `url` beside it"),
        ({"url": URL, "oidc": {**OIDC, "issuer": "http://id.example.com"}}, "console.oidc.issuer: expected https"),
        ({"url": URL, "oidc": {**OIDC, "issuer": "id"}}, "console.oidc.issuer: expected an address such as"),
        ({"url": URL, "oidc": {**OIDC, "viewers": []}}, "console.oidc: nobody could come in; expected groups"),
        ({"url": URL, "oidc": {**OIDC, "operators": "*"}}, "console.oidc: * is for viewers alone"),
        ({"url": URL, "oidc": {**OIDC, "client_secret": " "}}, "console.oidc.client_secret: the secret is empty"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_line_and_without_its_secret(console: dict[str, Any], expected: str) -> None:
    told = fault(**console)

    assert expected in told
    assert told.startswith("1: console")
    assert not [secret for secret in ("hunter2", HASH[:50], WEAK, "$2b$") if secret in told]


@pytest.mark.parametrize(
    "issuer", ["http://127.0.0.1:9000", "http://localhost:9000/realms/a", "https://id.example.com/"]
)
def test_an_issuer_is_kept_as_it_is_spelled(issuer: str) -> None:
    oidc = read(url=URL, oidc={**OIDC, "issuer": issuer}).console.oidc

    assert oidc
    assert oidc.issuer == issuer


@pytest.mark.parametrize(("key", "library"), [("users", "argon2-cffi"), ("oidc", "joserfc")])
def test_what_is_not_installed_is_said_with_the_way_to_it(key: str, library: str) -> None:
    document = Document("relay.yaml", lines={("console", key): 7})
    check_console(read(users=jana(HASH), oidc=OIDC, url=URL), document, has=lambda _: None)

    (problem,) = [problem for problem in document.problems if problem.path == f"console.{key}"]
    assert problem.line == 7
    assert problem.message == f"it needs {library}, which is not installed: pip install 'relay[console]'"


def test_passwords_that_others_can_read_on_their_way_are_warned_of() -> None:
    server = f'server: {{admin: {{host: 10.0.0.5, token: "{TOKEN}"}}}}\n'
    users = {"users": jana(HASH)}

    def warned(console: dict[str, Any]) -> list[str]:
        text = f"{server}console: {json.dumps(console)}\n{GOOD}"
        config = parse_config(text, env=SECRETS, channels=CHANNELS)
        return [warning.message for warning in config.warnings if warning.path == "console"]

    assert "passwords and sessions go over the network as they are" in warned(users)[0]
    assert warned({**users, "url": URL}) == []
    assert warned({}) == []


def test_a_short_token_is_warned_of() -> None:
    config = read(tokens={"deploy": {"token": TOKEN[:18], "role": "viewer"}})

    assert [warning.message for warning in config.warnings if warning.path == "console.tokens.deploy.token"] == [
        "the token has 18 bytes; 24 or more are better"
    ]
