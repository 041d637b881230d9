"""The cause of an error, of what tools print."""

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from relay.domain.error_reader import LONGEST, cause_of
from relay.domain.identity import message_of
from relay.rendering.jobs import trace_of

ERRORS: list[dict[str, Any]] = YAML(typ="safe").load((Path(__file__).with_name("errors.yaml")).read_text("utf-8"))


@pytest.mark.parametrize("error", [pytest.param(error, id=error["tool"]) for error in ERRORS])
def test_the_cause_stands_in_one_line(error: dict[str, Any]) -> None:
    cause = cause_of(error["error"])

    assert cause == error["cause"]
    assert len(cause) <= LONGEST
    assert cause_of(cause) == cause


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
    assert trace_of(document) == JAVA
    assert message_of({"message": message}) == message
