"""Secrets in the configuration: which are refused, which are warned of, and that none shows."""

import base64
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from relay.receiving.secret_strength import refuse_weak
from tests.support.configuration import GOOD, OPERATORS, configured, problems, warnings

# Secrets


@pytest.mark.parametrize(
    ("secret", "complaint"),
    [
        ("''", "the secret is empty"),
        ("'***'", "the secret is a placeholder"),
        ("change_me", "the secret is a placeholder"),
        ("your-webhook-secret-key", "the secret is a placeholder"),
        ("$${RELAY_WEBHOOK_SECRET}", "the secret is a placeholder"),
        ("' 8c1d9f27b4e05a6372f1c8d4'", "the secret begins or ends with white space"),
        ("123456789abcdef", "the secret is too short; expected at least 16 bytes, better 24"),
        ("$(openssl rand -hex 32)", "the secret is a placeholder"),
        ("env:RELAY_WEBHOOK_SECRET", "the secret is a variable's name; write ${NAME}"),
        ("prefix-and-change-me-1234567890", "the secret is a placeholder"),
        ("abcabcabcabcabcabcabcabcab", "the secret can be guessed"),
        ("whsec_YWFhYWFhYWFhYWFhYWFhYWFh", "the secret can be guessed"),
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
    config = configured(f"{GOOD}{OPERATORS}", ("${RELAY_WEBHOOK_SECRET}", "8c1d9f27b4e05a63"))

    assert warnings(config) == [
        "6: sources.async-operations.signature.secrets.current: the secret has 16 bytes; 24 or more are better"
    ]


def test_no_secret_shows_in_an_error_or_in_the_settings() -> None:
    secret = "a-secret-value-that-shows-nowhere"
    env = {"RELAY_WEBHOOK_SECRET": secret, "SLACK_BOT_TOKEN": secret, "RELAY_REDIS_URL": f"redis://:{secret}@r:6379"}

    shown = [repr(configured(env=env)), str(configured(env=env))]
    shown += problems(("timezone: Europe/Berlin", "server: {port: '${SLACK_BOT_TOKEN}'}"), env=env)
    shown += problems(("mode: live", "mode: ${SLACK_BOT_TOKEN}"), ("scheme: token", "scheme: x"), env=env)
    shown += problems(env={"RELAY_REDIS_URL": f"reddis://:{secret}@r:6379"})

    assert not [text for text in shown if secret in text]


# relay's own


OWN, OLDER = "Wm3q-the-secret-of-relay-itself", "b7a2-the-one-that-was-before-it"
BOTH = f"secrets: {{new: {OWN}, old: {OLDER}}}\n"


@pytest.mark.parametrize(
    ("text", "env", "signing"),
    [
        ("", {}, ()),
        ("", {"RELAY_SECRET": OWN}, (OWN,)),
        (BOTH, {}, (OWN, OLDER)),
        (BOTH, {"RELAY_SECRET": "another-secret-of-relay-itself"}, (OWN, OLDER)),
        ('secrets: {current: "${RELAY_SECRET}"}\n', {"RELAY_SECRET": OWN}, (OWN,)),
    ],
)
def test_the_variable_is_relays_secret_unless_the_file_lists_secrets(
    text: str, env: dict[str, str], signing: tuple[str, ...]
) -> None:
    assert configured(f"{text}{GOOD}", env=env).signing_secrets == tuple(secret.encode() for secret in signing)


@pytest.mark.parametrize(
    ("env", "warned"),
    [
        ({}, []),  # a private Redis, beside which relay makes one
        ({"RELAY_REDIS_URL": "redis://r:6379", "RELAY_SECRET": OWN}, []),
        ({"RELAY_REDIS_URL": "redis://r:6379"},
         ["secrets: not set, so the console, unsubscribe links and buttons are off; set RELAY_SECRET, make a real one "
          "with: openssl rand -hex 32"]),
        ({"RELAY_SECRET": "8c1d9f27b4e05a63"},
         ["RELAY_SECRET: the secret has 16 bytes; 24 or more are better"]),
    ],
)  # fmt: skip
def test_a_shared_redis_without_a_secret_and_a_short_one_are_warned_of(env: dict[str, str], warned: list[str]) -> None:
    config = configured(f"{GOOD}{OPERATORS}", env=env)

    assert [f"{problem.path}: {problem.message}" for problem in config.warnings] == warned


def test_a_weak_secret_of_relay_is_refused_where_it_stands() -> None:
    [found] = problems(env={"RELAY_SECRET": "change-me"})

    assert found.startswith("relay.yaml: RELAY_SECRET: the secret is a placeholder")
