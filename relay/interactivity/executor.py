"""Channel that executes presses on the platform, once each, as durable deliveries, and reports their outcomes."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from relay.domain.deliveries import Limit, Notification, Receipt
from relay.errors import DeliveryError, PlatformError, StoreUnavailable
from relay.platform.client import OperationsClient
from relay.platform.models import RetryOperation

CHANNEL = "platform"
ACTIONS = ("retry", "cancel")
PATIENCE, PAUSE = 20, 0.5  # tries to make an answer durable, and the seconds between two


Report = Callable[[Mapping[str, Any], Mapping[str, Any]], Awaitable[object]]


@dataclass(eq=False)
class Executor:
    """The channel. `platform` is the client at present, `mark` its platform's; `report` gets the request's `action` and
    the outcome: ok, newOperationId, detail, unknown."""

    renders: ClassVar = False  # it gets the event's own document
    max_concurrency: ClassVar = 4
    timeout: ClassVar[float] = 60.0  # more than the client's own tries, and then making the answer durable

    platform: Callable[[], OperationsClient]
    report: Report
    mark: Callable[[], str] = lambda: ""
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    @staticmethod
    def limits(address: str, settings: Any = None) -> tuple[tuple[Limit, ...], tuple[Limit, ...]]:  # noqa: ARG004
        return (), ()

    async def send(self, notification: Notification) -> Receipt:
        """Execute it, and report the outcome. Raises DeliveryError where a retry may help."""
        action, name = notification.content["action"], notification.address
        if name == "retry" and notification.unknown:  # it was interrupted: it may run already
            outcome: dict[str, Any] = {"ok": False, "unknown": True, "detail": ""}
        else:
            outcome = await self._execute(name, action, unknown=notification.unknown)
        await self._report(action, outcome)
        return Receipt(str(outcome.get("detail") or outcome.get("newOperationId") or "done"))

    async def gave_up(self, content: Mapping[str, Any], error: str) -> None:
        """Report a dead letter as the outcome: a person waits for it."""
        await self._report(content["action"], {"ok": False, "unknown": False, "detail": _without_call(error)})

    async def aclose(self) -> None:
        """Do nothing: the client is the application's."""

    async def _execute(self, name: str, action: Mapping[str, Any], *, unknown: bool) -> dict[str, Any]:
        operation = str(action["operationId"])
        if action.get("asked", self.mark()) != self.mark():  # its run of this id is another one
            return {"ok": False, "unknown": False, "detail": "since this button was made, relay asks another project"}
        try:
            if name == "cancel":
                await self.platform().cancel(operation, reason=reason(action))
                return {"ok": True}
            request = RetryOperation(retry_reason=reason(action))
            retried = await self.platform().retry(operation, request)
        except PlatformError as error:
            # A retry whose answer was lost may run already, and a second one would be a second run.
            if error.temporary and (error.unsent or name == "cancel"):
                raise DeliveryError(str(error), retry_after=error.retry_after) from None
            return {"ok": False, "unknown": error.temporary or unknown, "detail": _without_call(str(error))}
        return {"ok": True, "newOperationId": retried.new_operation_id}

    async def _report(self, action: Mapping[str, Any], outcome: Mapping[str, Any]) -> None:
        """Report the outcome, again and again while Redis is away: the platform has acted."""
        for tries_left in reversed(range(PATIENCE)):
            try:
                await self.report(action, outcome)
            except StoreUnavailable as error:
                if not tries_left:
                    raise DeliveryError(str(error), outcome_unknown=True) from None
                await self.sleep(PAUSE)
            else:
                return


def reason(action: Mapping[str, Any]) -> str:
    """Name the person who pressed to the platform, which knows the token's user alone."""
    person = action.get("realName") or action.get("userName") or action.get("user") or "somebody"
    return f"{'Cancelled' if action['name'] == 'cancel' else 'Asked for'} by {person} in Slack"


def _without_call(error: str) -> str:
    """Return the error without the call that the client's errors begin with."""
    return error.partition(": ")[2] or error
