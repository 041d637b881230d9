"""Recipients of an event: a target with what belongs to it in the state, and the limits and options of its address."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Generic, TypeVar

from relay.domain.deliveries import Digest, Each, Limit, Live, RequestLimit, Target, Window
from relay.engine.records import Limit as Rate

T = TypeVar("T")


class made_once(Generic[T]):  # noqa: N801 - a decorator
    """A property that is made when it is first read. The library's own takes a lock for it, which costs as much as most
    of these."""

    def __init__(self, make: Callable[[Any], T]) -> None:
        self._make, self._name = make, make.__name__
        self.__doc__ = make.__doc__

    def __get__(self, it: Any, kind: type | None = None) -> T:
        value = it.__dict__[self._name] = self._make(it)
        return value


ESSENTIAL = "2"  # passes quiet hours, and reaches readers who have unsubscribed
MOST_KEPT = 16_384  # addresses; about 700 bytes each
_CALLS: dict[tuple[int, int], tuple[Any, Any, dict[str, Any]]] = {}


@dataclass(eq=False)
class Recipient:
    """A target with what belongs to it in the state. Flags may change while the event is dispatched."""

    target: Target
    lane: str
    id: str  # of the delivery that this event makes
    batch_lane: str = ""  # where its batch has, or would have, a message
    reply: bool = False  # a reply in the message's thread is made as well
    withheld: str = ""  # why a new message of it was not made
    notified: bool = False  # of the event, once it is dispatched

    @property
    def destination(self) -> str:
        return self.target.destination

    @property
    def channel(self) -> str:
        return self.target.channel

    @property
    def address(self) -> str:
        return self.target.address

    @property
    def live(self) -> bool:
        return isinstance(self.target.how, Live)

    @property
    def updates_only(self) -> bool:
        """Return whether another message already covers the address, so that none is begun."""
        return isinstance(self.target.how, Live) and self.target.how.update_only

    @property
    def post_after(self) -> int:
        """Return the ms that a run must last before its first message."""
        return round(self.target.how.post_after * 1000) if isinstance(self.target.how, Live) else 0

    @property
    def min_interval(self) -> int:
        """Return the ms between two edits."""
        return round(self.target.how.min_interval * 1000) if isinstance(self.target.how, Live) else 0

    @property
    def passes(self) -> str:
        how = self.target.how
        if isinstance(how, Digest):
            return ""
        return ESSENTIAL if isinstance(how, Each) and how.essential else "1" if how.bypass_quiet_hours else ""

    @made_once
    def calls(self) -> dict[str, Any]:
        return calls_of(self.target)

    @property
    def quiet(self) -> tuple[int, int] | None:
        """Return the quiet hours at hand in ms."""
        how = self.target.how
        window = None if isinstance(how, Digest) else how.quiet_window
        return milliseconds(window) if window else None


def milliseconds(window: Window) -> tuple[int, int]:
    return round(window.start * 1000), round(window.end * 1000)


def calls_of(target: Target) -> dict[str, Any]:
    """Return the limits of an address and the options of its destination, as deliveries carry them: never changed.

    new, edit  limits: [name, period in ms, burst, reserve]
    cap        [messages, ms]; own: the host with a credential of its own; requested: [reader, messages, ms]
    options    of relay.domain.deliveries.DeliveryOptions
    Both are the same objects for all events of a configuration, so what they make is kept by their identity.
    """
    key = id(target.limits), id(target.options)
    if key not in _CALLS:
        if len(_CALLS) >= MOST_KEPT:
            _CALLS.clear()
        _CALLS[key] = target.limits, target.options, _calls_of(target)
    return _CALLS[key][2]


def _calls_of(target: Target) -> dict[str, Any]:
    limits = target.limits
    calls: dict[str, Any] = {"new": _rates(limits.new), "edit": _rates(limits.edit)}
    if limits.new_message_cap:
        calls["cap"] = [limits.new_message_cap[0], limits.new_message_cap[1] * 1000]
    if limits.own_host:
        calls["own"] = limits.own_host
    if limits.requested:
        calls["requested"] = _requested(target.channel, limits.requested)
    if target.options:
        calls["options"] = {name: value for name, value in asdict(target.options).items() if value}
        if mention := target.options.mention:  # as it is read again
            calls["options"]["mention"] = {moment: list(people) for moment, people in mention.items()}
        if target.options.owners:
            calls["options"]["owners"] = [*target.options.owners]
    return calls


def _rates(limits: Sequence[Limit]) -> list[Rate]:
    return [[limit.name, limit.period * 1000, limit.burst, limit.reserve] for limit in limits]


def _requested(channel: str, limit: RequestLimit) -> list[str | float]:
    return [f"{channel} {limit.reader}", limit.count, round(limit.per * 1000)]
