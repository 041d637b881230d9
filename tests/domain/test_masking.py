"""Secrets in errors: none is in what relay quotes, whichever way an error comes and wherever it is told."""

import json
import time
from typing import Any

import pytest

from relay.domain.digest_entries import summarize
from relay.domain.error_reader import cause_of
from relay.domain.events import Event
from relay.domain.failed_phases import first_failed
from relay.domain.identity import error_words, signature
from relay.domain.masking import MASK, SECRETS, masked
from relay.domain.parsing import parse
from relay.rendering import Renderer
from tests.support.events import RECEIVED
from tests.support.renderers import BUILT_IN, render, text_of
from tests.support.samples import OPTIONS

KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA7bq4vN0e\nkq81Lw==\n-----END RSA PRIVATE KEY-----"
# By the name of the pattern: what is written, and the secret in it.
WRITTEN: dict[str, list[tuple[str, str]]] = {
    "private key": [(f"cannot read {KEY} at start", "MIIEpAIBAAKCAQEA7bq4vN0e"), (f"bad key {KEY}", "kq81Lw"),
                    (json.dumps({"key": KEY}), "MIIEpAIBAAKCAQEA7bq4vN0e")],
    "line of a key": [("Q29uZmlkZW50aWFs" * 4, "Q29uZmlkZW50aWFs")],
    "password in an address": [
        ("cannot open https://etl:S3cret@db.example.com/x", "S3cret"), ("postgresql://etl:S3/cr@db/x", "S3/cr"),
        ("redis://:S3cret@db:6379/0", "S3cret"), ("amqp://etl:S3@cret@mq", "cret@"),
    ],
    "token by its beginning": [
        (f"refused: {token} has no access", token)
        for token in ("ghp_S3cretS3cretS3cretS3cret", "glpat-S3cretS3cretS3cr", "xoxb-1234-S3cret99",
                      "sk_live_S3cret9999", "eyJhbGciOiJI.eyJzdWIiOiIx.S3cret", "npm_S3cretS3cretS3cretS3cretS3cretS3")
    ],
    "AWS key": [("AKIAIOSFODNN7EXAMPLE is not authorized", "AKIAIOSFODNN7EXAMPLE")],
    "address of a Slack webhook": [("POST https://hooks.slack.com/services/T0/B0/S3cret: 404", "S3cret")],
    "Authorization": [("Authorization: Bearer S3cretS3cret", "S3cretS3cret"), ("basic dXNlcjpwYXNz refused", "dXNl")],
    "option of a command": [("psql --db-password S3cret -h db: failed", "S3cret"), ("curl -u etl:S3cret x", "S3cret")],
    "value of a name": [
        ("GET /v1?api_key=S3cret&page=2: 403", "S3cret"), ("token=S3cret expired", "S3cret"),
        ("PGPASSWORD='S3 cret' psql", "S3 cret"), ("Server=db;Pwd={S3;cret};Database=x", "S3;cret"),
        ("aws_secret_access_key = S3cret/9", "S3cret/9"), ("AccountKey=S3cret==;EndpointSuffix=x", "S3cret"),
    ],
    "parameter of an address": [("https://maps.example.com/x?key=S3cret&q=1", "S3cret"), ("a?sig=S3%2Fcret", "S3%2F")],
    "field of a document": [('{"password": "letters", "user": "etl"}', "letters"), ("failed, password: S3cret", "S3c")],
}  # fmt: skip
WORDS = (
    "Invalid token: expired", "Unexpected token: <", "Unexpected token: abc1", 'secret "loader" not found',
    "KeyError: 'token'",
    "max_tokens=4096 exceeded", "Done. PASS=11 WARN=0 ERROR=1", "http://host:8080/path?mail=ann@example.com is down",
    "primary key orders_pkey violated", "Basic authentication is off", "Mail to ann@example.com refused", "token: 12",
    "error: option --token is required", "--password must be set", "flag --api-key cannot be empty", "PWD=/builds/x",
    "login(user='etl', password=None) refused", "cannot refresh token: HTTP/1.1 401", "x" * 100,
    "mongodb://h1:27017,h2:27017/x?mail=ann@example.com", "org/apache/spark/sql/execution/datasources/orc/Writer",
)  # fmt: skip


def test_each_pattern_has_an_example_that_it_alone_masks() -> None:
    assert [*WRITTEN] == [secret.name for secret in SECRETS]
    for secret in SECRETS:
        for text, hidden in WRITTEN[secret.name]:
            assert hidden not in secret.pattern.sub(secret.shown, text), (secret.name, text)


@pytest.mark.parametrize("text", WORDS)
def test_words_about_secrets_stay(text: str) -> None:
    assert masked(text) == text


def failure(message: str) -> dict[str, Any]:
    return {"event": "operation.failed", "error": {"code": "E1", "message": message, "stackTrace": f"at x\n{message}"},
            "operation": {"operationId": "op-1", "operationName": "Load", "status": "Failed"}}  # fmt: skip


def event_of(document: dict[str, Any]) -> Event:
    return parse(document, source="jobs", received_at=RECEIVED)


EXAMPLES = [pair for pairs in WRITTEN.values() for pair in pairs]


@pytest.mark.parametrize(("text", "hidden"), EXAMPLES)
def test_no_message_has_it(text: str, hidden: str) -> None:
    failed, renderer = event_of(failure(text)), Renderer([BUILT_IN], OPTIONS)
    phase = event_of({"event": "operation.phase.completed", "operation": {"operationId": "op-1"},
                      "phase": {"phaseName": "load", "status": "Failed", "error": text}})  # fmt: skip
    member = {"operationId": "a", "status": "Failed", "error": {"message": text}}
    batch = event_of({"event": "batch.completed", "batch": {"batchId": "b", "operations": [member, {**member}]}})
    told = [render(renderer, event, channel) for event in (failed, phase, batch) for channel in ("slack", "email")]
    told += [renderer.fallback("slack", failed, "en"), summarize(failed), summarize(batch), error_words(failed)]
    told += [first_failed(phase, 0, "")]

    assert hidden not in json.dumps(told, ensure_ascii=False).replace("\\n", "\n")
    assert hidden in json.dumps(failed.document).replace("\\n", "\n") or "\n" in text  # as it came
    assert MASK in text_of(renderer, failed) or "PRIVATE KEY" in text


def test_it_is_masked_before_failures_are_grouped_by_it() -> None:
    errors = [{"message": f"connect to etl, password={secret} refused"} for secret in ("Summer", "Winter")]

    assert signature(errors[0]) == signature(errors[1])


def test_a_secret_is_none_by_halves_where_a_long_error_is_cut() -> None:
    for length in range(9_900, 10_100, 7):
        text = f"{'x' * length}\npassword=S3cret-{'9' * 40}\n{'y' * 30_000}\nload failed"
        assert "99999" not in cause_of(text)


UNITS = ["://a:", "password: ", 'token="', "-eyJ", "-- ", "secret_", "-----BEGIN PRIVATE KEY-----", "a@", "AKIA"]


@pytest.mark.parametrize("unit", UNITS)
def test_masking_is_linear(unit: str) -> None:
    def spent(length: int) -> float:
        text, best = (unit * length)[:length], 1.0
        for _ in range(5):
            began = time.process_time()
            masked(text)
            best = min(best, time.process_time() - began)
        return best

    assert any(spent(32_000) <= 2.5 * spent(16_000) for _ in range(3))
