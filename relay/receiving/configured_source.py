"""A source as it is configured now: how its requests are proved genuine, what it may say, and its counters."""

from collections.abc import Callable
from datetime import timedelta

from relay import metrics
from relay.configfile.units import spoken
from relay.domain.events import Event
from relay.domain.fields import is_stated
from relay.domain.parsing import parse
from relay.domain.permissions import Permissions
from relay.errors import InvalidSignature, OutOfTime
from relay.receiving.bodies import count_refused
from relay.receiving.problems import HttpProblem
from relay.receiving.schemes import SCHEMES, SignedRequest
from relay.receiving.signatures import verify, verify_unread
from relay.receiving.sources import Source

UNSIGNED = "The signature is missing, wrong or too old."  # one answer for all three: a stranger learns nothing
QUARANTINED = ("invalid", "reach", "early", "time", "fault")  # why
AHEAD = timedelta(days=1)  # wrong clocks and time zones; more would make a captured request last, and all after it late


class Configured:
    """One source, with the bytes of its secrets."""

    def __init__(self, name: str, source: Source, permissions: Permissions | None) -> None:
        self.name, self.source, self.permissions = name, source, permissions
        self.typed = source.signature.scheme == "none"
        # Where the scheme signs a time, that of the body may be as old as it will: `verify` looks at the signed one.
        dated = SCHEMES[source.signature.scheme].dated
        self.oldest = timedelta(seconds=source.max_age) if source.max_age and not dated else None
        self.read: Callable[..., Event] = permissions.read if permissions else parse
        self.secrets = {key: secret.get_secret_value().encode() for key, secret in source.signature.secrets.items()}
        self.count = metrics.Prepared(metrics.events, name)
        self.verified = metrics.Prepared(metrics.signatures_verified, name)
        self.acknowledged = metrics.ack_seconds.of(name)
        metrics.begin_at_nought(metrics.signatures_refused, [(name,)])
        metrics.begin_at_nought(metrics.quarantined, [(name, kind) for kind in QUARANTINED])

    def verify(self, signed: SignedRequest, now: float, *, unread: bool = False) -> None:
        """Raise HttpProblem unless it is genuine. With `unread`, only refuse what no body could make genuine."""
        signature = self.source.signature
        try:
            key = (verify_unread if unread else verify)(
                signature.scheme,
                signed,
                self.secrets,
                header=signature.header or None,
                tolerance=signature.tolerance,
                now=now,
            )
        except InvalidSignature as error:
            metrics.signatures_refused.labels(self.name).inc()
            if unread:
                count_refused("unsigned")
            challenge = {"WWW-Authenticate": SCHEMES[signature.scheme].challenge}
            raise HttpProblem(401, UNSIGNED, headers=challenge, close=unread) from error
        if key is not None:
            self.verified(key)


def check_age(event: Event, oldest: timedelta) -> None:
    """Raises OutOfTime. An event without a time passes, and so does one that writes the first or last year for none."""
    age = event.received_at - event.occurred_at
    if age > oldest or age < -AHEAD:
        _refuse(event, oldest, age)


def _refuse(event: Event, oldest: timedelta, age: timedelta) -> None:
    if not is_stated(event.occurred_at):
        return
    most = f"{spoken(oldest.total_seconds())} before" if age > oldest else f"{spoken(AHEAD.total_seconds())} after"
    times = f"it says {event.occurred_at.isoformat()} and came at {event.received_at.isoformat()}"
    raise OutOfTime("timestamp", f"expected at most {most} its receipt (sources.{event.source}.max_age); {times}")
