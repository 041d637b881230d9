"""What people ask of the platform by a button, done once: a channel of its own, so the queue makes it durable.

A press is a delivery to the address `retry` or `cancel`. Whatever comes of it is told where the button stood, a refusal
as well; only what may still succeed is tried again.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar, Protocol

from pydantic import BaseModel

from relay.deliveries import Limit, Notification, Receipt
from relay.errors import DeliveryError, PlatformError
from relay.platform.models import Cancelled, Retried, RetryOperation

CHANNEL = "platform"
ACTIONS = ("retry", "cancel", "mute")
REQUESTED, DONE = "operation.action.requested", "operation.action.done"


class Platform(Protocol):
    """The part of the platform's client that buttons use."""

    async def cancel(self, operation: str, *, reason: str = "") -> Cancelled: ...
    async def retry(self, operation: str, request: RetryOperation | None = None) -> Retried: ...


Tell = Callable[[Mapping[str, Any], Mapping[str, Any]], Awaitable[None]]
Mute = Callable[[Mapping[str, Any]], Awaitable[None]]


class Actions:
    """The channel. `tell` gets the request's `action` and what came of it, `mute` silences a run at a destination."""

    Settings: ClassVar[type[BaseModel]] = BaseModel
    modes: ClassVar[tuple[str, ...]] = ("each",)
    slots: ClassVar = 4
    timeout: ClassVar[float] = 45.0  # more than the client's own tries

    def __init__(self, platform: Platform, *, tell: Tell, mute: Mute) -> None:
        self._platform = platform
        self._tell = tell
        self._mute = mute

    @staticmethod
    def limits(address: str) -> tuple[tuple[Limit, ...], tuple[Limit, ...]]:  # noqa: ARG004
        return (), ()

    async def send(self, notification: Notification) -> Receipt:
        """Do it, and tell what came of it. Raises DeliveryError where trying again may help."""
        action: Mapping[str, Any] = notification.content["action"]
        try:
            outcome = await self._done(notification.address, action)
        except PlatformError as error:
            # A retry whose answer was lost may run already, and a second one would be a second run.
            if error.temporary and (error.unsent or notification.address == "cancel"):
                raise DeliveryError(str(error), retry_after=error.retry_after) from None
            outcome = {"ok": False, "detail": str(error), "unknown": error.temporary}
        await self._tell(action, outcome)
        return Receipt(str(outcome.get("detail") or outcome.get("newOperationId") or "done"))

    async def check(self) -> str:
        return "asks the platform when a button is pressed"

    async def aclose(self) -> None:
        """Nothing is held open: the client is the application's."""

    async def _done(self, name: str, action: Mapping[str, Any]) -> dict[str, Any]:
        operation, who = str(action["operationId"]), str(action.get("userName") or action.get("user") or "Slack")
        if name == "cancel":
            await self._platform.cancel(operation, reason=f"Cancelled by {who} in Slack")
        elif name == "retry":
            retried = await self._platform.retry(operation, RetryOperation(retry_reason=f"Asked for by {who} in Slack"))
            return {"ok": True, "newOperationId": retried.new_operation_id}
        else:
            await self._mute(action)
        return {"ok": True}
