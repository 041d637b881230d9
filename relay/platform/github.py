"""Deliveries of a webhook that GitHub has recorded as failed, and their redelivery. It repeats none by itself.

https://docs.github.com/rest/repos/webhooks#list-deliveries-for-a-repository-webhook
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import aiohttp
from pydantic import AwareDatetime, BaseModel, TypeAdapter, ValidationError
from yarl import URL

from relay.errors import PlatformError

YOUNG = timedelta(days=3)  # GitHub redelivers nothing older
PAGE, PAGES = 100, 50  # deliveries are listed newest first
MOST = 50  # that are asked for at a time; a command waits for it
# https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api asks for it.
PAUSE = 1.0  # seconds between two
ATTEMPTS = 4  # of a delivery, all in all; a person may ask for more
TIMEOUT = aiohttp.ClientTimeout(total=10.0)
MAX_ANSWER = 4 * 2**20  # bytes
MINUTE, LONGEST = 60.0, 3600.0  # seconds to wait where GitHub says nothing, and at most
ARRIVED = "OK"
READ = frozenset({400, 413, 415, 422})  # relay has read it, and would refuse it again
LACKS = "expected a token with read and write access to webhooks there, and the webhook's address"
REASONS = {
    401: "the token is not valid, or has expired",
    **dict.fromkeys((403, 404), LACKS),  # 404 is also said of what the token may not see
    **dict.fromkeys((301, 302, 307, 308), "it has moved; expected its present address"),
}
GONE = frozenset({404, 422})
HEADERS = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28", "User-Agent": "relay"}


class Delivery(BaseModel):
    """One attempt. Its repetitions have the same `guid`."""

    id: int
    guid: str
    status: str
    status_code: int | None = None
    delivered_at: AwareDatetime


class Round(NamedTuple):
    """Counts of deliveries: those to ask for, those that were asked for, and those left for the next round."""

    failed: int = 0
    asked: int = 0
    rest: int = 0


_LIST = TypeAdapter(list[Delivery])


def failed(attempts: Sequence[Delivery], since: datetime, *, every: bool = False) -> list[Delivery]:
    """Return the newest attempt of each delivery that has not arrived, oldest first. `attempts` are newest first.

    Without `every`, leave out what relay would refuse again, and what has been tried often enough.
    """
    deliveries: dict[str, list[Delivery]] = {}
    for attempt in reversed(attempts):
        deliveries.setdefault(attempt.guid, []).append(attempt)
    return [
        tried[-1]
        for tried in deliveries.values()
        if tried[-1].delivered_at >= since
        and not any(attempt.status == ARRIVED for attempt in tried)
        and (every or (len(tried) < ATTEMPTS and not any(attempt.status_code in READ for attempt in tried)))
    ]


@dataclass(eq=False, repr=False)
class Hook:
    """A webhook of a repository or an organisation, looked at now (seconds since the epoch)."""

    address: str
    token: str
    now: float
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def redeliver_failed(self, limit: int = MOST, *, every: bool = False) -> Round:
        """Ask for what failed in the last three days (`failed`). Raises PlatformError."""
        since, requested, refusal = datetime.fromtimestamp(self.now, UTC) - YOUNG, 0, None
        headers = HEADERS | {"Authorization": f"Bearer {self.token}"}
        async with aiohttp.ClientSession(timeout=TIMEOUT, headers=headers) as http:
            waiting = failed(await self._deliveries(http, since), since, every=every)
            for number, delivery in enumerate(waiting[:limit]):
                if number:
                    await self.sleep(PAUSE)
                try:
                    await self._call(http, "POST", f"/deliveries/{delivery.id}/attempts")
                    requested += 1
                except PlatformError as error:
                    if error.status not in GONE:
                        raise
                    refusal = error  # one that GitHub has no more must not hold up the others
        if refusal and not requested:
            raise refusal
        return Round(len(waiting), requested, max(0, len(waiting) - limit))

    async def _deliveries(self, http: aiohttp.ClientSession, since: datetime) -> list[Delivery]:
        """List them, at least as far back as that."""
        listed: list[Delivery] = []
        cursor = ""
        for _ in range(PAGES):
            query = {"per_page": f"{PAGE}", **({"cursor": cursor} if cursor else {})}
            answer, cursor = await self._call(http, "GET", "/deliveries", query)
            try:
                page = _LIST.validate_json(answer)
            except ValidationError:
                raise PlatformError(f"GET {self.address}/deliveries: expected a list of deliveries") from None
            listed += page
            if not cursor or not page or page[-1].delivered_at < since:
                break
        return listed

    async def _call(
        self, http: aiohttp.ClientSession, method: str, path: str, query: Mapping[str, str] | None = None
    ) -> tuple[bytes, str]:
        """Return the answer, and the cursor of the next page, '' for none."""
        call, answer = f"{method} {self.address}{path}", bytearray()
        try:
            async with http.request(method, f"{self.address}{path}", params=query, allow_redirects=False) as response:
                async for piece in response.content.iter_any():
                    answer += piece
                    if len(answer) > MAX_ANSWER:
                        raise PlatformError(f"{call}: an answer of more than {MAX_ANSWER >> 20} MiB")
                # The cursor alone is taken from the link: the token goes to no address that an answer names.
                following = response.links.get("next")
                cursor = URL(following["url"]).query.get("cursor", "") if following else ""
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            why = f"no answer within {TIMEOUT.total:g} s" if isinstance(error, TimeoutError) else f"{error}"
            raise PlatformError(f"{call}: {why or type(error).__name__}", temporary=True) from None
        except ValueError as error:  # a token that no header can carry, or an answer's link that is none
            raise PlatformError(f"{call}: cannot be asked: {error}") from None
        if response.status >= 300:
            raise self._refusal(call, response)
        return bytes(answer), cursor

    def _refusal(self, call: str, response: aiohttp.ClientResponse) -> PlatformError:
        status, headers, seconds = response.status, response.headers, MINUTE
        after, reset = headers.get("Retry-After", ""), headers.get("X-RateLimit-Reset", "")
        used_up = headers.get("X-RateLimit-Remaining") == "0"
        if after.isdecimal():
            seconds = float(after)
        elif used_up and reset.isdecimal():
            seconds = float(reset) - self.now
        limited = status == 429 or (status == 403 and bool(after or used_up))
        wait = min(max(seconds, 1.0), LONGEST) if limited else None
        reason = f"the rate limit is used up, for {wait:.0f} s" if limited else REASONS.get(status, "")
        return PlatformError(
            f"{call}: {status} {response.reason}{f': {reason}' if reason else ''}",
            status=status, temporary=limited or status >= 500, retry_after=wait,
        )  # fmt: skip
