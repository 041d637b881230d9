"""A configured source: authentication of its requests, its rate limit, its permissions and its counters."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from functools import cache, partial

from relay import metrics
from relay.configfile.units import spoken
from relay.domain.deliveries import Accepted
from relay.domain.documents import is_stated
from relay.domain.events import Event
from relay.errors import InvalidSignature, KeysUnavailable, NoRoom, NotYetKnown, OutOfTime
from relay.formats import ping
from relay.receiving.key_cache import KeyCache
from relay.receiving.permissions import BEARERS
from relay.receiving.problems import HttpProblem
from relay.receiving.reading import OF_FORMAT, SourceReader
from relay.receiving.scheme import Keys, SignedRequest
from relay.receiving.signatures import NO_KEYS, verify, wanted_key
from relay.receiving.sources import RateLimit

PAUSES = (0.05, 0.2, 0.75)  # seconds, less than any sender waits for an answer
MOST = 32  # that wait at a time; others are asked to come again, so one token holds up no more than these
UNSIGNED = "The {} is missing, wrong or too old."  # one answer for all three: a stranger learns nothing
NO_KEY = "The key that the signature needs cannot be fetched. Send it again."
QUARANTINED = ("invalid", "reach", "early", "time", "fault")  # why
KEPT_HEADERS = ("content-type", "user-agent")  # beside those that the format reads
Remember = Callable[
    [str, bytes, Mapping[str, str], float], None
]  # source, body, kept headers, now: it waits for nothing
AHEAD = timedelta(days=1)  # wrong clocks and time zones; more would make a captured request last, and all after it late


class RateLimiter:
    """Token buckets per source and process, each as the time when it is full again (generic cell rate algorithm)."""

    def __init__(self, max_buckets: int = 10_000) -> None:
        self._max_buckets = max_buckets
        self._full_at: dict[str, float] = {}

    def wait(self, source: str, limit: RateLimit, now: float) -> float:
        """Return the seconds until the source may send again; 0.0 lets this request pass, and counts it."""
        token = limit.period / limit.count  # seconds that refill one
        full_at = max(self._full_at.get(source, now), now)
        if full_at > now + limit.period:  # the clock was set back, or the limit changed: begin anew
            full_at = now
        wait = full_at + token - limit.period - now
        if wait > token * 1e-6:  # more than rounding
            return wait
        if source not in self._full_at and len(self._full_at) >= self._max_buckets:
            emptied = {name: until for name, until in self._full_at.items() if until > now}
            self._full_at = emptied if len(emptied) < self._max_buckets else {}
        self._full_at[source] = full_at + token
        return 0.0


class Early:
    """Retries, for a second, of events that overtake the webhook of their operation by milliseconds."""

    def __init__(self, pauses: Sequence[float] = PAUSES, max_waiting: int = MOST) -> None:
        self._pauses = pauses
        self._max_waiting = max_waiting
        self._waiting = 0

    async def patiently(self, ingest: Callable[[], Awaitable[Accepted]]) -> Accepted:
        """Return the answer of `ingest`. Raises NotYetKnown at the end, and NoRoom where too many wait already."""
        try:
            return await ingest()
        except NotYetKnown as error:
            refusal = error
        if self._waiting >= self._max_waiting:
            raise NoRoom(f"{refusal}; {self._max_waiting} others wait for theirs to become known") from refusal
        self._waiting += 1
        try:
            for pause in self._pauses:
                await asyncio.sleep(pause)
                try:
                    return await ingest()
                except NotYetKnown as error:
                    refusal = error
        finally:
            self._waiting -= 1
        raise refusal


class Configured:
    """One source as it is configured now."""

    def __init__(self, reader: SourceReader, remember: Remember | None = None) -> None:
        self._remember = remember if reader.source.keeps_bodies else None
        self.name, self.source, self.permissions = reader.name, reader.source, reader.permissions
        name, source = reader.name, reader.source
        self.pings, self.foreign = source.format == ping.NAME, reader.form is not None
        self.typed = source.signature.scheme in ("none", "basic")  # browsers send both for other sites' pages
        self.accept = source.reader.accept if source.reader else frozenset()
        of_format = source.reader.headers if source.reader else ()
        self._kept = {key: key for key in KEPT_HEADERS} | {f"{OF_FORMAT}{key}": key for key in of_format}
        # Where the scheme signs a time, that of the body may be as old as it will: `verify` looks at the signed one.
        dated = source.signature.rules.dated
        self.oldest = timedelta(seconds=source.max_age) if source.max_age and not dated else None
        self.events = reader.events
        signature = source.signature
        self._secrets = {key: secret.get_secret_value().encode() for key, secret in signature.secrets.items()}
        self._rules, self._header, self._tolerance = signature.rules, signature.header or None, signature.tolerance
        self.has_public_keys = signature.rules.public is not None
        self.acknowledged = metrics.ack_seconds.labels(name)  # which begins at 0: a rate has its first events as well
        self.outcomes = cache(partial(metrics.events.labels, name))  # every event asks for one of a few
        self.verified = cache(partial(metrics.signatures_verified.labels, name))
        metrics.begin_at_nought(metrics.signatures_refused, [(name,)])
        metrics.begin_at_nought(metrics.format_unknown, [(name,)] if source.reader else ())
        metrics.begin_at_nought(metrics.quarantined, [(name, kind) for kind in QUARANTINED])

    def kept_headers(self, signed: SignedRequest) -> dict[str, str]:
        """Return what is kept of a request beside its body."""
        sent = {label: signed.headers.get(key, ()) for label, key in self._kept.items()}
        return {label: lines[0].decode("latin-1") for label, lines in sent.items() if len(lines) == 1}

    def remember(self, signed: SignedRequest, now: float) -> None:
        """Keep a verified body for the author of its format."""
        if self._remember:
            self._remember(self.name, signed.body, self.kept_headers(signed), now)

    async def authenticate(self, signed: SignedRequest, now: float, cache: KeyCache) -> None:
        """Raise HttpProblem unless it is genuine, by keys that are fetched: of a scheme that has public ones."""
        signature, keys = self.source.signature, NO_KEYS
        try:
            if key := wanted_key(signature.rules, signed, signature.header or None):
                keys = await cache.get(key, self.name)
        except InvalidSignature as error:
            raise self._refused(unread=False) from error
        except KeysUnavailable as error:  # which says nothing against the sender
            raise HttpProblem(503, NO_KEY) from error
        self.verify(signed, now, keys=keys)

    def verify(self, signed: SignedRequest, now: float, *, unread: bool = False, keys: Keys = NO_KEYS) -> None:
        """Raise HttpProblem unless it is genuine. With `unread`, only refuse what no body could make genuine."""
        try:
            key = verify(
                self._rules, signed, self._secrets, header=self._header, tolerance=self._tolerance, now=now,
                unread=unread, keys=keys,
            )  # fmt: skip
        except InvalidSignature as error:
            raise self._refused(unread=unread) from error
        if not unread:
            self.verified(key).inc()

    def _refused(self, *, unread: bool) -> HttpProblem:
        metrics.signatures_refused.labels(self.name).inc()
        if unread:
            metrics.bodies_refused.labels("unsigned").inc()
        challenge = {"WWW-Authenticate": self.source.signature.rules.challenge}
        proof = "token or password" if self.source.signature.scheme in BEARERS else "signature"
        return HttpProblem(401, UNSIGNED.format(proof), headers=challenge, close=unread)


def check_age(event: Event, oldest: timedelta) -> None:
    """Raise OutOfTime for an event of another time. One without a time passes."""
    age = event.received_at - event.occurred_at
    if -AHEAD <= age <= oldest or not is_stated(event.occurred_at):
        return
    limit = f"{spoken(oldest.total_seconds())} before" if age > oldest else f"{spoken(AHEAD.total_seconds())} after"
    times = f"it says {event.occurred_at.isoformat()} and came at {event.received_at.isoformat()}"
    raise OutOfTime("timestamp", f"expected at most {limit} its receipt (sources.{event.source}.max_age); {times}")
