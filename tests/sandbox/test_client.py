"""relay's own client of the API and the sandbox understand each other, call by call."""

from collections.abc import AsyncIterator

import pytest

from relay.errors import PlatformError
from relay.platform import OperationsClient
from relay.platform.models import RetryOperation, StartOperation
from tests.support.sandbox import TOKEN, Stage

MINUTE = 60.0


@pytest.fixture
async def client(sandbox: Stage) -> AsyncIterator[OperationsClient]:
    async with OperationsClient(sandbox.url, tenant="t", project="p", token=TOKEN) as opened:
        yield opened


async def test_an_operation_from_start_to_results(sandbox: Stage, client: OperationsClient) -> None:
    started = await client.start(StartOperation(operation_type="ReportGeneration", operation_name="Monthly"))
    await sandbox.advance(5 * MINUTE)
    now = await client.status(started.operation_id)
    assert (now.status, now.phase, now.terminal) == ("Running", "Visualization", False)
    with pytest.raises(PlatformError, match="409"):
        await client.results(started.operation_id)
    await sandbox.advance(6 * MINUTE)
    results = await client.results(started.operation_id)
    assert results.sent()["success"]
    assert results.artifacts[0].download_url
    page = await client.operations(status="Completed")
    assert [each.operation_id for each in page.operations] == [started.operation_id]
    assert page.summary.completed == 1


async def test_a_failure_is_retried_and_a_run_cancelled(sandbox: Stage, client: OperationsClient) -> None:
    play = {"sandbox": {"scenario": "failure"}}
    started = await client.start(StartOperation(operation_type="DataEnrichment", operation_name="x", parameters=play))
    await sandbox.advance(20 * MINUTE)
    again = await client.retry(started.operation_id, RetryOperation(retry_mode="resume"))
    assert (again.sent()["retryNumber"], again.resume_from_phase) == (1, "Enrichment")
    cancelled = await client.cancel(again.new_operation_id, reason="no longer needed")
    assert cancelled.reason == "no longer needed"
    assert (await client.status(again.new_operation_id)).terminal
