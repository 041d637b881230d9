"""Tests of what the sandbox refuses, and that it names what is at fault."""

from typing import Any

import pytest

from tests.support.sandbox import Stage


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"operationName": "x"}, "operationType"),
        ({"operationType": "A", "operationName": "x", "priority": "Urgent"}, "priority"),
        ({"operationType": "A", "operationName": "x", "timeout": "60"}, "timeout"),
        ({"operationType": "A", "operationName": "x", "callbacks": {"onProgress": "ftp://x"}}, "callbacks.onProgress"),
        ({"operationType": "A", "operationName": "x", "operationNmae": "y"}, "operationNmae"),
        ({"operationType": "A", "operationName": "x", "parameters": {"sandbox": {"scenario": "x"}}},
         "parameters.sandbox.scenario"),
        ({"operationType": "A", "operationName": "x",
          "parameters": {"sandbox": {"scenario": "failure", "phase": "x"}}}, "parameters.sandbox.phase"),
    ],
)  # fmt: skip
async def test_a_wrong_request_names_the_field(sandbox: Stage, body: Any, field: str) -> None:
    refusal = await sandbox.ask("POST", "/operation", body, status=422)
    assert refusal["field"] == field
    assert refusal["detail"].startswith(field)


@pytest.mark.parametrize(
    ("address", "named", "said"),
    [
        ("/operations?pagesize=5", "pagesize", "did you mean pageSize?"),
        ("/operations?sort=up", "sort", "expected dateFrom or dateTo or includeDetails or operationType or page or"),
        ("/operations?page=1&page=2", "page", "it stands there twice"),
        ("/operation/ID?verbose=true", "verbose", "this address takes none"),
        ("/operation/ID/results?fromat=detailed", "fromat", "did you mean format?"),
    ],
)
async def test_a_parameter_that_is_not_documented_is_refused(
    sandbox: Stage, address: str, named: str, said: str
) -> None:
    started = await sandbox.start()
    refusal = await sandbox.ask("GET", address.replace("ID", started["operationId"]), status=422)
    assert (refusal["field"], refusal["detail"].partition(":")[0]) == (named, named)
    assert said in refusal["detail"]
