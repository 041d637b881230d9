"""The OpenAPI document is valid, complete and true: whatever is asked by it, the answer is one that it names."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies

from relay.receiving import openapi
from relay_sandbox.api.openapi import document
from relay_sandbox.api.routes import ROUTES
from tests.support.redis_server import RedisServer
from tests.support.sandbox import TOKEN, SandboxProcess, Stage
from tests.support.schemas import check_openapi

EXAMPLES = 12


def test_the_document_is_valid_openapi_and_so_is_relays_own() -> None:
    """Both here, since what judges them takes seconds to be imported."""
    paths = {
        "/", "/webhooks/{source}", "/healthz", "/readyz", "/unsubscribe/{token}", "/console", "/slack/interactions",
    }  # fmt: skip
    for description in (document("http://localhost:8090"), openapi.document(paths)):
        check_openapi(description)
        assert description["openapi"].startswith("3.1")


async def test_the_document_names_every_address_that_is_served(sandbox: Stage) -> None:
    async with sandbox.session.get(f"{sandbox.url}/openapi.json") as answer:
        described = await answer.json()
    assert described["servers"] == [{"url": sandbox.url}]
    assert {(path, method) for path, item in described["paths"].items() for method in item} == {
        (route.address, route.method.lower()) for route in ROUTES
    } | {("/downloads/{proof}/{operationId}/{filename}", "get")}  # fmt: skip


@pytest.fixture(scope="module")
def running() -> Iterator[SandboxProcess]:
    with RedisServer() as redis, SandboxProcess("--redis-url", redis.url, "--speed", "1000") as process:
        yield process


@pytest.fixture(scope="module")
def operations(running: SandboxProcess) -> Mapping[str, Any]:
    """The operations of the document, as schemathesis reads them, by their ids."""
    schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")
    described = schemathesis.openapi.from_url(f"{running.url}/openapi.json")
    read = [result.ok() for result in described.get_all_operations()]
    return {operation.definition.raw["operationId"]: operation for operation in read}


@pytest.fixture(scope="module")
def existing(running: SandboxProcess) -> dict[str, str]:
    """The ids of what there is: a finished operation, a webhook and a batch."""
    operation = {"operationType": "DataEnrichment", "operationName": "Sales"}
    hook = {"webhookUrl": "http://127.0.0.1:9/", "events": ["operation.failed"]}
    batch = {"batchName": "x", "operations": [operation | {"operationKey": "a"}]}
    return {
        "tenantId": "t", "projectId": "p", "operationId": running.ask("/operation", operation)["operationId"],
        "webhookId": running.ask("/webhooks", hook)["webhookId"],
        "batchId": running.ask("/batch", batch)["batchId"],
    }  # fmt: skip


@pytest.mark.timeout(300)
@pytest.mark.filterwarnings("ignore")  # of a tool that is not ours
@pytest.mark.parametrize("name", [route.name for route in ROUTES] + ["download"])
@pytest.mark.soak
def test_no_request_gets_an_answer_that_is_not_documented(
    operations: Mapping[str, Any], existing: dict[str, str], name: str
) -> None:
    schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")
    operation = operations[name]
    modes = (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE)
    checks = schemathesis.checks
    required = [
        checks.not_a_server_error, checks.status_code_conformance, checks.content_type_conformance,
        checks.response_headers_conformance, checks.response_schema_conformance,
    ]  # fmt: skip

    for mode in modes:

        @given(case=operation.as_strategy(generation_mode=mode), exists=strategies.booleans())
        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
            database=None,
        )
        def answered(case: Any, exists: bool) -> None:
            if exists:  # nobody guesses an id
                case.path_parameters = {part: existing.get(part, value) for part, value in case.path_parameters.items()}
            case.call_and_validate(headers={"Authorization": f"Bearer {TOKEN}"}, checks=required)

        answered()
