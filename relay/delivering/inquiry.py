"""Questions to a channel before what failed is sent again: whether it works, and whether an earlier attempt arrived.

Neither sends a message, so both may be repeated freely.
"""

from datetime import UTC, datetime
from typing import Any

import structlog

from relay.domain.deliveries import Notification, Receipt, Trial
from relay.errors import CannotFind, DeliveryError

log = structlog.get_logger(__name__)

LOOK_UPS = 6  # that may fail before a message is sent again without one: two minutes


async def probe(channel: Any, address: str, trial: Trial) -> None:
    """Ask a channel that failed whether it works, where it can say so without a message. Raises DeliveryError."""
    ask = getattr(channel, "probe", None)
    if ask is not None and (trial.faults or trial.probe is not None):
        await ask(address)


def is_findable(channel: Any, address: str, trial: Trial) -> bool:
    """Whether an attempt without an answer can be looked up."""
    finds = getattr(channel, "finds", None)
    return bool(finds and trial.doubted and finds(address))


async def find(channel: Any, notification: Notification, trial: Trial) -> Receipt | None:
    """Return the receipt of what an attempt without an answer left; None where it left nothing.

    Raises CannotFind where the channel does not say, and other DeliveryErrors where it does not say so now.
    """
    if not is_findable(channel, notification.address, trial):
        raise CannotFind("the channel cannot look it up")
    try:
        receipt: Receipt | None = await channel.find(notification, datetime.fromtimestamp(trial.doubted, UTC))
    except DeliveryError as error:
        # It has just answered a probe: what refuses nothing but the look-up may do so for ever.
        if trial.faults < LOOK_UPS or error.pause == "limit":
            raise
        raise CannotFind(str(error)) from None
    if receipt is not None:
        log.info("delivery.found", delivery=notification.delivery, detail=receipt.detail)
    return receipt
