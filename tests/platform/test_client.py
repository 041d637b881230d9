"""The client of the Async Operations API: what goes over the wire, what comes back, and what is tried again."""

from typing import Any

import pytest

from relay.errors import PlatformError
from relay.platform import OperationsClient
from relay.platform.models import RegisterWebhook, RetryOperation, StartOperation, SubmitBatch
from tests.support.events import seed
from tests.support.platform import scripted_platform

ROOT = "/api/t/p/async"


class Pauses(list[float]):
    async def __call__(self, seconds: float) -> None:
        self.append(seconds)


def client_of(url: str, **options: Any) -> OperationsClient:
    return OperationsClient(url, tenant="t", project="p", token="s3cret-token", **options)


# Per call: how it is made, the seed's request and answer, and where it goes.
CALLS: dict[str, tuple[Any, str | None, str, str]] = {
    "start": (lambda c: c.start(StartOperation.model_validate(seed("start-operation.request"))),
              "start-operation.request", "start-operation.response", f"POST {ROOT}/operation"),
    "status": (lambda c: c.status("op-1"), None, "operation-status.response", f"GET {ROOT}/operation/op-1"),
    "list": (lambda c: c.operations(), None, "list-operations.response", f"GET {ROOT}/operations"),
    "results": (lambda c: c.results("op-1"), None, "operation-results.response",
                f"GET {ROOT}/operation/op-1/results"),
    "retry": (lambda c: c.retry("op-1", RetryOperation.model_validate(seed("retry-operation.request"))),
              "retry-operation.request", "retry-operation.response", f"POST {ROOT}/operation/op-1/retry"),
    "webhook": (lambda c: c.register_webhook(RegisterWebhook.model_validate(seed("register-webhook.request"))),
                "register-webhook.request", "register-webhook.response", f"POST {ROOT}/webhooks"),
    "batch": (lambda c: c.submit_batch(SubmitBatch.model_validate(seed("submit-batch.request"))),
              "submit-batch.request", "submit-batch.response", f"POST {ROOT}/batch"),
}  # fmt: skip


def covers(document: Any, said: Any) -> bool:
    """Return whether every field of the document came back out, times apart in their spelling alone."""
    if isinstance(document, dict):
        return isinstance(said, dict) and all(
            key in said and covers(value, said[key]) for key, value in document.items()
        )
    if isinstance(document, list):
        return len(document) == len(said) and all(covers(*pair) for pair in zip(document, said, strict=True))
    return bool(document == said)


@pytest.mark.parametrize("name", CALLS)
async def test_each_call_speaks_the_documents_of_the_api(name: str) -> None:
    call, request, answer, place = CALLS[name]
    async with scripted_platform({place: [(200, seed(answer))]}) as platform, client_of(platform.url) as client:
        said = (await call(client)).sent()
    [asked] = platform.asked
    assert asked.headers["Authorization"] == "Bearer s3cret-token"
    if request:
        assert asked.body == seed(request)
    expected = seed(answer)
    if name == "list":  # a list tells the percentage alone
        for row in expected["operations"]:
            row["progress"] = {"percentage": row["progress"]}
    assert covers(expected, said)


async def test_cancelling_sends_the_documented_body() -> None:
    place = f"DELETE {ROOT}/operation/op-1"
    answers = {place: [(200, seed("cancel-operation.response"))]}
    async with scripted_platform(answers) as platform, client_of(platform.url) as client:
        answer = await client.cancel("op-1", reason="changed requirements")
    assert answer.sent()["cancelledBy"] == "user123"
    assert platform.asked[0].body == {
        "reason": "changed requirements", "preservePartialResults": True, "forceTermination": False,
        "notifyCallbacks": True,
    }  # fmt: skip


async def test_filters_travel_as_the_api_spells_them_and_pages_are_walked() -> None:
    first = {**seed("list-operations.response"), "hasNextPage": True}
    answers = {f"GET {ROOT}/operations": [(200, first), (200, {**first, "page": 2, "hasNextPage": False})]}
    async with scripted_platform(answers) as platform, client_of(platform.url) as client:
        found = [row.operation_id async for row in client.all_operations(status="Running")]
    assert len(found) == 2 * len(first["operations"])
    assert [asked.query for asked in platform.asked] == [
        {"status": "Running", "page": str(page), "pageSize": "100"} for page in (1, 2)
    ]


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_a_read_is_tried_again_while_the_platform_is_busy(status: int) -> None:
    pauses = Pauses()
    busy = (status, {"detail": "later"}, {"Retry-After": "3"})
    answers = {f"GET {ROOT}/operation/op-1": [busy, (status, {}), (200, seed("operation-status.response"))]}
    async with scripted_platform(answers) as platform, client_of(platform.url, sleep=pauses) as client:
        assert (await client.status("op-1")).status == "Running"
    assert pauses == [3.0, 1.0]  # as it was asked, then its own pace


@pytest.mark.parametrize("method", ["start", "retry", "batch"])
async def test_what_may_have_been_done_is_never_done_again(method: str) -> None:
    call, _, _, place = CALLS[method]
    async with scripted_platform({place: [(503, {"detail": "later"})]}) as platform, client_of(platform.url) as client:
        with pytest.raises(PlatformError, match="503") as caught:
            await call(client)
    assert len(platform.asked) == 1
    assert caught.value.temporary


async def test_what_never_left_is_tried_again_whatever_it_does(unused_tcp_port: int) -> None:
    pauses = Pauses()
    async with client_of(f"http://127.0.0.1:{unused_tcp_port}", sleep=pauses) as client:
        with pytest.raises(
            PlatformError, match=r"POST /api/t/p/async/operation/op-1/retry: cannot be reached"
        ) as caught:
            await client.retry("op-1")
    assert caught.value.unsent
    assert len(pauses) == 2


@pytest.mark.parametrize(("status", "document", "said"), [
    (404, {"title": "Not found", "detail": "no operation op-1"}, "404 Not Found: no operation op-1"),
    (409, {"error": "still running"}, "409 Conflict: still running"),
    (401, "<html>login</html>", "401 Unauthorized"),
    (500, {"message": f"{'x' * 290} 'Authorization': 'Bearer s3cret-token'"}, "500 Internal Server Error: xxx"),
    (200, "<html>login</html>", "200 OK"),
    (200, {"status": "Running"}, "not the documented answer: operationId: Field required"),
    (302, {}, "302 Found"),
])  # fmt: skip
async def test_an_error_names_the_call_and_what_was_said_and_no_secret(status: int, document: Any, said: str) -> None:
    answers = {f"GET {ROOT}/operation/op-1": [(status, document, {"Location": "http://127.0.0.1:1/"})]}
    async with scripted_platform(answers) as platform, client_of(platform.url) as client:
        with pytest.raises(PlatformError) as caught:
            await client.status("op-1")
    told = str(caught.value)
    assert "/operation/op-1" in told
    assert said in told
    assert "s3cret" not in told
    assert len(platform.asked) == 1


async def test_a_token_that_no_header_can_carry_is_an_error_that_does_not_show_it() -> None:
    async with (
        scripted_platform({}) as platform,
        OperationsClient(platform.url, tenant="t", project="p", token="s3cret-token\n") as client,
    ):
        with pytest.raises(PlatformError, match=r"GET /api/t/p/async/operation/op-1: cannot be asked") as caught:
            await client.status("op-1")
    assert "s3cret" not in str(caught.value)
    assert not caught.value.temporary


@pytest.mark.parametrize("name", [".", "..", "../x", "x/..", "a/../b", "a\\..\\b", "./x"])
async def test_no_id_leads_to_another_address(name: str) -> None:
    calls = [
        lambda c: c.status(name), lambda c: c.results(name), lambda c: c.cancel(name), lambda c: c.retry(name),
        lambda c: c.batch(name), lambda c: c.delete_webhook(name),
    ]  # fmt: skip
    async with scripted_platform({}) as platform, client_of(platform.url) as client:
        for call in calls:
            with pytest.raises(PlatformError, match="expected an id without") as caught:
                await call(client)
            assert not caught.value.temporary
        with pytest.raises(PlatformError, match="expected an id without"):
            OperationsClient(platform.url, tenant=name, project="p")
    assert platform.asked == []
