"""What a button asks of the platform: done once, told whatever comes of it, repeated only where that is safe."""

from datetime import UTC, datetime
from typing import Any

import pytest

from relay.deliveries import Notification
from relay.errors import DeliveryError, PlatformError
from relay.platform.actions import Actions
from relay.platform.models import Cancelled, Retried

ACTION = {"name": "retry", "operationId": "op-2", "subject": "op-1", "run": 1, "user": "U1", "userName": "jana"}
BUSY = PlatformError("POST: no answer within 10 s", temporary=True)
UNSENT = PlatformError("POST: cannot be reached", temporary=True, unsent=True)
REFUSED = PlatformError("POST: 409 Conflict: it has ended", status=409)


class Api:
    def __init__(self, fault: PlatformError | None = None) -> None:
        self.fault = fault
        self.calls: list[tuple[str, ...]] = []

    async def cancel(self, operation: str, *, reason: str = "") -> Cancelled:
        return await self._answer(("cancel", operation, reason), Cancelled(operation_id=operation, status="Cancelled"))

    async def retry(self, operation: str, request: Any = None) -> Retried:
        answer = Retried(original_operation_id=operation, new_operation_id="op-3")
        return await self._answer(("retry", operation, request.retry_reason), answer)

    async def _answer(self, call: tuple[str, ...], answer: Any) -> Any:
        self.calls.append(call)
        if self.fault:
            raise self.fault
        return answer


def notification(name: str) -> Notification:
    return Notification(
        delivery="d",
        destination="platform",
        address=name,
        kind="each",
        content={"action": ACTION | {"name": name}},
        subject="op-1",
        event="operation.action.requested",
        created_at=datetime(2024, 1, 20, tzinfo=UTC),
    )


async def sent(name: str, api: Api) -> tuple[Any, list[Any], list[Any]]:
    told: list[Any] = []
    muted: list[Any] = []

    async def tell(action: Any, outcome: Any) -> None:
        told.append(outcome)

    async def mute(action: Any) -> None:
        muted.append(action["subject"])

    receipt = await Actions(api, tell=tell, mute=mute).send(notification(name))
    return receipt, told, muted


async def test_each_button_does_its_own() -> None:
    api = Api()
    receipt, told, _ = await sent("retry", api)
    assert (receipt.detail, told) == ("op-3", [{"ok": True, "newOperationId": "op-3"}])
    assert (await sent("cancel", api))[1] == [{"ok": True}]
    assert (await sent("mute", api))[2] == ["op-1"]
    assert api.calls == [
        ("retry", "op-2", "Asked for by jana in Slack"),
        ("cancel", "op-2", "Cancelled by jana in Slack"),
    ]


@pytest.mark.parametrize("name", ["retry", "cancel"])
async def test_a_refusal_is_told_and_not_tried_again(name: str) -> None:
    _, told, _ = await sent(name, Api(REFUSED))
    assert told == [{"ok": False, "detail": "POST: 409 Conflict: it has ended", "unknown": False}]


async def test_a_retry_whose_answer_was_lost_is_told_as_unknown_and_never_repeated() -> None:
    _, told, _ = await sent("retry", Api(BUSY))
    assert told == [{"ok": False, "detail": "POST: no answer within 10 s", "unknown": True}]


@pytest.mark.parametrize(("name", "fault"), [("retry", UNSENT), ("cancel", UNSENT), ("cancel", BUSY)])
async def test_what_may_be_repeated_is_left_to_the_queue(name: str, fault: PlatformError) -> None:
    with pytest.raises(DeliveryError) as caught:
        await sent(name, Api(fault))
    assert not caught.value.permanent
    assert not caught.value.outcome_unknown
