"""Which channels get nothing through, as the attempts of this process show it.

What a channel says to be broken is paused, and the store knows it. This is for the rest: a side that cannot be reached,
or answers with errors of its own, fails each message by itself.
"""

from collections.abc import Callable
from dataclasses import dataclass

from relay.domain.deliveries import Delivery
from relay.errors import DeliveryError

MOST = 1000  # scopes that are kept until somebody asks


@dataclass(slots=True)
class Failing:
    """Every attempt in a channel failed since then, the last one at `at`, with this."""

    since: float
    at: float
    reason: str


class Reach:
    """`clock` is in seconds since the epoch."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failing: dict[str, Failing] = {}
        self._works: dict[str, float] = {}

    def delivered(self, delivery: Delivery) -> None:
        """Something got through."""
        self._failing.pop(delivery.channel, None)
        if len(self._works) < MOST:
            now = self._clock()
            self._works[f"channel:{delivery.channel}"] = now
            self._works[f"destination:{delivery.destination}/{delivery.address}"] = now

    def failed(self, channel: str, error: DeliveryError) -> None:
        """An attempt did not. What is about one message or one address says nothing of the channel.

        Nor does a side that answers, and says when to come again: mail servers greylist.
        """
        about_one = error.permanent or error.pause in ("destination", "limit")
        if about_one or (error.retry_after and not error.pause and not error.outcome_unknown):
            return
        now = self._clock()
        since = self._failing[channel].since if channel in self._failing else now
        self._failing[channel] = Failing(since, now, str(error))

    def failing(self) -> dict[str, Failing]:
        """The channels in which every attempt since the last success failed."""
        return {**self._failing}

    def works(self) -> dict[str, float]:
        """The scopes (channel:<name>, destination:<name>/<address>) in which something got through since last asked,
        and when it last did."""
        works, self._works = self._works, {}
        return works
