"""Questions to a channel before what failed is sent again: whether it works, and whether an earlier attempt arrived.

Neither sends a message, so both may be repeated freely.
"""

import asyncio
from datetime import UTC, datetime
from typing import Any

import structlog

from relay.domain.deliveries import Notification, Receipt, Trial
from relay.errors import CannotFind, DeliveryError

log = structlog.get_logger(__name__)

LOOKED_FOR = 120.0  # seconds that look-ups may fail in a channel that answers probes, until a message is sent again


async def probe(channel: Any, address: str, trial: Trial) -> None:
    """Ask a channel that failed whether it works, where it can say so without a message. Raises DeliveryError."""
    ask = getattr(channel, "probe", None)
    if ask is None or not (trial.faults or trial.probe is not None):
        return
    try:
        async with asyncio.timeout(channel.timeout):
            await ask(address)
    except TimeoutError:
        raise no_answer(channel) from None


async def find(channel: Any, notification: Notification, trial: Trial, now: float) -> Receipt | None:
    """Return the receipt of what an attempt without an answer left; None where it left nothing.

    Raises CannotFind where the channel does not say, and other DeliveryErrors where it does not say so now.
    """
    finds = getattr(channel, "finds", None)
    if not (finds and trial.doubted and finds(notification.address)):
        raise CannotFind("the channel cannot look it up")
    try:
        async with asyncio.timeout(channel.timeout):
            receipt: Receipt | None = await channel.find(notification, datetime.fromtimestamp(trial.doubted, UTC))
    except (DeliveryError, TimeoutError) as error:
        fault = error if isinstance(error, DeliveryError) else no_answer(channel)
        # It has just answered a probe: what refuses nothing but the look-up may do so for ever.
        if fault.pause != "limit" and now - max(trial.deaf, trial.doubted) > LOOKED_FOR:
            raise CannotFind(str(fault)) from None
        raise fault from None
    if receipt is not None:
        log.info("delivery.found", delivery=notification.delivery, detail=receipt.detail)
    return receipt


def no_answer(channel: Any, *, outcome_unknown: bool = False) -> DeliveryError:
    """Return the error of a call that took longer than the channel's `timeout`."""
    return DeliveryError(f"no answer within {channel.timeout:g} s", outcome_unknown=outcome_unknown, pause="channel")
