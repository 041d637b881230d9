"""The sign that all is well, for somebody outside who raises the alarm when it stays away.

One call a minute of all processes together, and only while events are taken and messages get out. The address is a
secret: whoever has it can say that relay is well.
"""

from collections.abc import Awaitable, Callable
from typing import Protocol
from urllib.parse import urljoin, urlsplit

import aiohttp
import structlog

from relay import metrics
from relay.errors import StoreUnavailable

log = structlog.get_logger(__name__)

PERIOD = 50.0  # seconds between two calls, at least
TIMEOUT = 10.0
REDIRECTS = 3
AGENT = "relay"


class Turn(Protocol):
    """True for one process in each period. Raises StoreUnavailable."""

    async def __call__(self, name: str, period: float) -> bool: ...


class Heartbeat:
    """`url` is asked anew each time; `unwell` says why relay is not well, '' if it is. Raises StoreUnavailable."""

    def __init__(self, url: Callable[[], str], unwell: Callable[[], Awaitable[str]], turn: Turn) -> None:
        self._url = url
        self._unwell = unwell
        self._turn = turn
        self._fault = ""  # of the last call
        self._reason = ""  # why there was none

    async def tick(self, _now: float) -> None:
        """One call, if it is due, nobody else makes it, and all is well. It never raises for its own failure."""
        url = self._url()
        if not url:
            return
        try:
            reason = await self._unwell()
        except StoreUnavailable as error:
            reason = str(error)
        if reason:
            self._say_withheld(reason)
            return
        self._reason = ""
        if await self._turn("heartbeat", PERIOD):
            self._say(await _called(url), urlsplit(url).hostname or "")

    def _say_withheld(self, reason: str) -> None:
        metrics.heartbeats.labels("withheld").inc()
        if not self._reason:
            log.warning("heartbeat.withheld", reason=reason, meaning="whoever waits for it raises the alarm")
        self._reason = reason

    def _say(self, fault: str, host: str) -> None:
        """In the log once when it fails, and once when it works again; only the host, for the rest is a secret."""
        metrics.heartbeats.labels("failed" if fault else "sent").inc()
        if fault and not self._fault:
            log.warning("heartbeat.failed", host=host, reason=fault)
        elif self._fault and not fault:
            log.warning("heartbeat.returned", host=host)
        self._fault = fault


async def _called(url: str) -> str:
    """What went wrong, in words without the address; '' if nothing did. No redirect leads to another host."""
    host = urlsplit(url).hostname
    try:
        async with aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(TIMEOUT), cookie_jar=aiohttp.DummyCookieJar(), headers={"User-Agent": AGENT}
        ) as session:
            for _ in range(REDIRECTS + 1):
                async with session.get(url, allow_redirects=False) as response:
                    if response.status < 300:
                        return ""
                    if response.status >= 400 or "Location" not in response.headers:
                        return f"HTTP {response.status}"
                    following = urlsplit(urljoin(url, response.headers["Location"]))
                    if following.hostname != host or following.scheme not in ("https", urlsplit(url).scheme):
                        return "it leads to another host"
                    url = following.geturl()
            return "it leads on and on"
    except TimeoutError:
        return f"no answer within {TIMEOUT:g} s"
    except (aiohttp.ClientError, ValueError, OSError) as error:  # their texts may hold the address
        return type(error).__name__
