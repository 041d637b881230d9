"""Waiting for another process, by looking at what it does: never for time itself."""

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

from tests.support.patience import PATIENCE, patience

LOOK = 0.02  # seconds between two looks


async def until(found: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """Return what `found` gives, awaited if it is to be, once that is something. TimeoutError if it never is."""
    async with asyncio.timeout(patience(seconds)):
        while True:
            something = found()
            if inspect.isawaitable(something):
                something = await something
            if something:
                return something
            await asyncio.sleep(LOOK)
