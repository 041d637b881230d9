"""The cause of an error, of what tools print, as people see it."""

import itertools
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from ruamel.yaml import YAML

from relay.domain.error_reader import LONGEST, SENTENCE, brief, cause_of
from relay.domain.error_tools import SIGNALS
from relay.domain.events import Event
from relay.domain.identity import error_of, error_words, message_of
from relay.domain.parsing import dump, load, parse
from relay.formats.ping import Ping, document
from relay.rendering.context import Context
from relay.rendering.jobs import trace_of
from relay.rendering.links import Base
from relay.rendering.localized_values import Localizer
from relay.rendering.translations import Catalogues
from tests.support.events import RECEIVED
from tests.support.renderers import BUILT_IN

ERRORS: list[dict[str, Any]] = YAML(typ="safe").load((Path(__file__).with_name("errors.yaml")).read_text("utf-8"))
LANGUAGE = Catalogues([BUILT_IN]).language("en")


def failure(error: object) -> Event:
    """The event of a failed run that states this error, as it comes back from the store."""
    body = {"event": "operation.failed", "operation": {"operationId": "op-1", "status": "Failed"}, "error": error}
    return load(dump(parse(body, source="jobs", received_at=RECEIVED)))


def shown(event: Event) -> dict[str, Any]:
    """What a message's template has of the error."""
    localizer = Localizer(LANGUAGE, ZoneInfo("UTC"), datetime(2026, 3, 9, tzinfo=UTC))
    error: dict[str, Any] = Context(event, (event,), localizer, Base())["error"]
    return error


@pytest.mark.parametrize("error", [pytest.param(error, id=error["tool"]) for error in ERRORS])
def test_the_cause_stands_in_one_line(error: dict[str, Any]) -> None:
    event = failure(error["error"])

    assert shown(event)["cause"] == error["cause"]
    assert error_words(event).endswith(error["cause"])
    cause = cause_of(error["error"])
    assert len(brief(cause)) <= LONGEST
    assert len(cause) <= SENTENCE
    assert cause_of(cause) == cause


@pytest.mark.parametrize("text", ["rate(x[5m:1m]) failed", "intervals [30m, 60m] are over", "no data in x[5m]"])
def test_a_time_in_brackets_is_no_colour(text: str) -> None:
    assert cause_of(text) == text


JAVA = (
    "java.lang.RuntimeException: job\n\tat a.B.c(D.java:1)\nCaused by: java.io.FileNotFoundException: s3a://lake/orders"
)


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        ("Job aborted.", "FileNotFoundException: s3a://lake/orders"),
        ("", "FileNotFoundException: s3a://lake/orders"),
        ("An unexpected error occurred", "FileNotFoundException: s3a://lake/orders"),
        ("The task has failed", "FileNotFoundException: s3a://lake/orders"),
        ("orders are missing", "orders are missing"),
    ],
)
def test_a_message_that_says_only_that_it_failed_gives_way_to_the_trace_beside_it(message: str, cause: str) -> None:
    document = {"message": message, "stackTrace": JAVA}

    assert cause_of(message_of(document)) == cause
    assert trace_of(document).endswith(JAVA)
    assert message_of({"message": message}) == message


@pytest.mark.parametrize("code", [137, 139, 143])
@pytest.mark.parametrize("output", [b"", b"reading part 81 of 200\n", b"part 1\npart 2\npart 3\npart 4\npart 5\n"])
def test_a_ping_says_which_signal_ended_its_job(code: int, output: bytes) -> None:
    body = document(Ping.of("oom-job", f"{code}", None), None, output, RECEIVED.timestamp())
    event = parse(body, source="cron", received_at=RECEIVED)

    assert shown(event)["cause"] == cause_of(f"command terminated with exit code {code}") == SIGNALS[code]
    assert shown(failure({"message": output.decode(), "exitCode": code}))["cause"] == SIGNALS[code]


def test_what_a_job_printed_says_more_than_an_exit_status() -> None:
    body = document(Ping.of("load", "127", None), None, b"load.sh: line 3: pg_dmp: command not found\n", 0.0)

    assert message_of(error_of(parse(body, source="cron", received_at=RECEIVED))).endswith("exit 127")
    assert cause_of(body["error"]["message"] + "\nexit 127") == "load.sh: line 3: pg_dmp: command not found"


SIGNS_OF_ALL = (
    "Traceback (most recent call last) at x( Error: on line goroutine panicked at :: level= msg= Msg 1, Level exit 1 "
    "in Database Error in - Runtime Errors <html> <title secret token -----BEGIN PRIVATE KEY-----\n"
)


@pytest.mark.parametrize(
    "text",
    [
        "x" + "\n" * 42_000 + "y", "a" + "\n" * 1_000_000 + "b", "a" + " " * 1_000_000 + "b", "a\n" * 500_000,
        ("ERROR: " + " " * 980 + "\n") * 1000, ("!" * 999 + "\n") * 1000, "([{<" * 250_000, SIGNS_OF_ALL * 5000,
        "\n".join(["02:14:05 INFO reading", *[""] * 4000, "02:14:07 ERROR no header"]), '{"error":' * 100_000,
        "  at a(b:1:1\n" * 80_000, "://a:" * 200_000, "password: " * 100_000, "\x1b[0m" * 250_000, "| " * 500_000,
    ],
    ids=lambda text: f"{text[:20]!r} × {len(text)}",
)  # fmt: skip
def test_an_error_of_any_size_is_read_as_fast_as_a_usual_log(text: str) -> None:
    usual = "\n".join(f"02:14:{n % 60:02} INFO loader.tasks - rows of part-{n}.csv are read" for n in range(2_000))

    assert seconds_to_read(text) <= 5 * seconds_to_read(usual)


UNREAD = itertools.count()


def seconds_to_read(text: str) -> float:
    spent = []
    for number in itertools.islice(UNREAD, 5):
        document = {"message": f"{number} {text}"}  # none of them was read before
        began = time.process_time()
        cause_of(message_of(document))
        spent.append(time.process_time() - began)
    return min(spent)
