"""Presses are executed once, reported in any case, and repeated only where that is safe."""

from datetime import UTC, datetime
from typing import Any

import pytest

from relay.domain.deliveries import Notification
from relay.errors import DeliveryError, PlatformError, StoreUnavailable
from relay.interactivity.executor import Executor, reason
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


def notification(name: str, *, unknown: bool = False, **action: str) -> Notification:
    return Notification(
        delivery="d", destination="platform", address=name, kind="each",
        content={"action": ACTION | {"name": name} | action}, subject="op-1", event="operation.action.requested",
        created_at=datetime(2024, 1, 20, tzinfo=UTC), unknown=unknown,
    )  # fmt: skip


async def sent(name: str, api: Api, *, unknown: bool = False, away: int = 0, **action: str) -> tuple[Any, list[Any]]:
    """The receipt and what was told; the store is `away` for so many tries."""
    told: list[Any] = []
    tries = iter(range(away))

    async def report(action: Any, outcome: Any) -> None:
        if next(tries, None) is not None:
            raise StoreUnavailable("away")
        told.append(outcome)

    async def sleep(_seconds: float) -> None:
        return None

    actions = Executor(lambda: api, report=report, mark=lambda: "present", sleep=sleep)
    return await actions.send(notification(name, unknown=unknown, **action)), told


async def test_each_button_does_its_own() -> None:
    api = Api()
    receipt, told = await sent("retry", api)
    assert (receipt.detail, told) == ("op-3", [{"ok": True, "newOperationId": "op-3"}])
    assert (await sent("cancel", api))[1] == [{"ok": True}]
    assert api.calls == [
        ("retry", "op-2", "Asked for by jana in Slack"),
        ("cancel", "op-2", "Cancelled by jana in Slack"),
    ]


@pytest.mark.parametrize(("who", "says"), [
    ({"realName": "Jana Müller"}, "Cancelled by Jana Müller in Slack"),
    ({"realName": ""}, "Cancelled by jana in Slack"),
    ({"userName": ""}, "Cancelled by U1 in Slack"),
    ({"userName": "", "user": ""}, "Cancelled by somebody in Slack"),
])  # fmt: skip
def test_the_platform_is_told_who_pressed_by_their_name(who: dict[str, str], says: str) -> None:
    assert reason(ACTION | {"name": "cancel"} | who) == says


@pytest.mark.parametrize("name", ["retry", "cancel"])
async def test_a_button_asks_the_project_that_it_was_made_for_or_none(name: str) -> None:
    api = Api()

    _, [refused] = await sent(name, api, asked="before")
    _, [done] = await sent(name, api, asked="present")

    assert (refused["ok"], refused["detail"]) == (False, "since this button was made, relay asks another project")
    assert (done["ok"], len(api.calls)) == (True, 1)


async def test_a_retry_whose_answer_was_lost_is_told_as_unknown_and_never_repeated() -> None:
    _, told = await sent("retry", Api(BUSY))
    assert told == [{"ok": False, "detail": "no answer within 10 s", "unknown": True}]


@pytest.mark.parametrize(("name", "fault"), [("retry", UNSENT), ("cancel", UNSENT), ("cancel", BUSY)])
async def test_what_may_be_repeated_is_left_to_the_queue(name: str, fault: PlatformError) -> None:
    with pytest.raises(DeliveryError) as caught:
        await sent(name, Api(fault))
    assert not caught.value.permanent
    assert not caught.value.outcome_unknown


async def test_a_retry_that_a_crash_interrupted_is_not_begun_again() -> None:
    api = Api()
    _, told = await sent("retry", api, unknown=True)
    assert told == [{"ok": False, "unknown": True, "detail": ""}]
    assert api.calls == []
    assert (await sent("cancel", api, unknown=True))[1] == [{"ok": True}]


async def test_what_was_done_is_told_although_the_store_was_away_meanwhile() -> None:
    api = Api()
    assert (await sent("retry", api, away=5))[1] == [{"ok": True, "newOperationId": "op-3"}]
    assert len(api.calls) == 1
    with pytest.raises(DeliveryError) as caught:
        await sent("retry", api, away=1000)
    assert caught.value.outcome_unknown
