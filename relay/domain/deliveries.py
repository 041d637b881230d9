"""Targets of an event, deliveries with their rate limits, notifications to channels, and their receipts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NamedTuple

from relay.domain.events import Event
from relay.domain.fields import immutable

Mode = Literal["each", "live", "digest", "outcomes"]
Kind = Literal["each", "live", "reply", "digest", "roundup"]
Wording = Literal["", "also", "healed"]  # a failure below another of its cause; an end that says what failed before
Form = Literal["each", "live", "reply", "digest", "roundup", "also", "healed"]
Then = Literal["summary", "nothing"]
THEN: Mapping[Then, str] = {"summary": "told together at its end", "nothing": "not told at all"}  # what a silence held
EVERYBODY = "*"  # among names that are claimed for mentions: the conversation, which a broadcast calls
PERSON = "person:"  # before a name in `Notification.mentions`: an event gave it, so it calls no group and no room


@dataclass(frozen=True, slots=True)
class Silenced:
    """Silence as the messages that it holds carry it, from `start` until `end` (seconds since the epoch)."""

    id: str
    start: float
    end: float
    in_summary: bool = True  # listed in the summary at its end; else never shown


class Hold(NamedTuple):
    """Fate of a held delivery: part of its silence's summary, sent by itself at its end, or never."""

    silence: Silenced
    how: Literal["bundled", "later", "dropped"]


@dataclass(frozen=True, slots=True)
class Limit:
    """At most one call per `period` seconds under this name, a burst of `burst` calls, `reserve` of them urgent."""

    name: str
    period: float
    burst: int = 1
    reserve: int = 0
    shared: bool = False  # by several addresses of the channel


@dataclass(frozen=True, slots=True)
class RequestLimit:
    """At most `count` messages to a reader in `per` seconds; one lists the rest at their end."""

    reader: str  # for all of the reader's addresses together
    count: int
    per: float


@dataclass(frozen=True, slots=True)
class Limits:
    """Rate limits of messages to one address."""

    new: tuple[Limit, ...] = ()  # each new message
    edit: tuple[Limit, ...] = ()  # each edit of one
    new_message_cap: tuple[int, float] | None = None  # so many new live messages in so many seconds; one lists the rest
    requested: RequestLimit | None = None  # of what operations ask for themselves
    own_host: str = ""  # the host, where the address has a credential of its own: the channel's failures do not count
    together: bool = False  # all addresses of the channel are in one place of the store, for they share a limit

    @classmethod
    def of(cls, new: tuple[Limit, ...], edit: tuple[Limit, ...], **more: Any) -> "Limits":
        """Collect the limits that a channel names for an address."""
        return cls(new, edit, together=any(limit.shared for limit in (*new, *edit)), **more)


@dataclass(frozen=True, slots=True)
class Gate:
    """Least progress at a destination before it is notified again."""

    increment: float = 0.0  # percentage points
    interval: float = 0.0  # seconds


@dataclass(frozen=True, slots=True)
class DeliveryOptions:
    """Settings of a destination when the event came; the sending process may have another configuration."""

    language: str = ""
    timezone: str = ""
    mention: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    retry: Mapping[str, float] = field(default_factory=dict)  # the fields of a RetryPolicy
    alert_after: int = 0  # failures in a row before one calls people; 0: the first does
    owners: tuple[str, ...] = ()  # of the event's job by the configuration, as `mention` writes names


@dataclass(frozen=True, slots=True)
class Presentation:
    """Effect of an event on a live message, decided by `relay.policy.presentation`."""

    new_message: bool = True  # it may be the reason for a new message
    thread_reply: bool = False  # it is also a reply in the message's thread
    broadcast: bool = False  # the reply is shown in the conversation as well; it passes the cap on new messages
    batch_reply: bool = False  # if the batch has a message there, it is a reply in that one's thread
    once_in_batch: bool = False  # there the first alone is broadcast: of what fails with the rest, one is enough to see


@dataclass(frozen=True, slots=True)
class Window:
    """Time whose entries are sent together."""

    start: float  # seconds since the epoch
    end: float


@dataclass(frozen=True, slots=True)
class Each:
    """A message for every event."""

    gates: tuple[Gate, ...] = ()  # progress passes if any one lets it pass; none means no gate
    quiet_window: Window | None = None  # the quiet hours at hand: the message waits for their end
    bypass_quiet_hours: bool = False  # it is sent in quiet hours as well
    essential: bool = False  # and to whoever has unsubscribed from all else there


@dataclass(frozen=True, slots=True)
class Live:
    """One message per run, edited in place."""

    gates: tuple[Gate, ...] = ()  # as of Each
    quiet_window: Window | None = None  # only what would be a new message waits for their end
    bypass_quiet_hours: bool = False
    post_after: float = 0.0  # seconds that a run must last before its first message
    min_interval: float = 0.0  # seconds between two edits
    update_only: bool = False  # another message already covers this address; update only


@dataclass(frozen=True, slots=True)
class Digest:
    """An entry in a message about everything in a window."""

    zone: str = "UTC"  # whose days are counted
    windows: tuple[Window, ...] = ()  # the one at hand and the next, for an event that comes too late


@dataclass(frozen=True, slots=True)
class Target:
    """Address that an event reaches, and how: it becomes one delivery."""

    destination: str
    channel: str
    address: str
    presentation: Presentation = Presentation()
    limits: Limits = Limits()
    hold_reason: str = ""  # why it is not notified: the event is counted, and nothing else
    how: Each | Live | Digest = Each()
    options: DeliveryOptions | None = field(default=None, compare=False)  # None: those of whoever sends it
    hold: float = 0.0  # of a failure: seconds that it waits, and is dropped if its run starts again meanwhile
    escalate: tuple[tuple[float, str], ...] = ()  # of a critical failure: seconds until it is escalated, and where to
    group: float = 0.0  # of a failure: seconds after it in which others of the same cause become replies to it
    silence: Silenced | None = None  # the one at hand: what would be a new message is held by it
    failure_shown: bool = False  # of a run that completed: that it had failed was for this address as well


@immutable
class Accepted:
    """Outcome of a report. `fuller`: it states more of a known outcome, and nothing was done.

    `ignored`: it is of a run that did nothing, and nothing else is known of that.
    """

    status: Literal["accepted", "duplicate", "late", "ignored", "fuller"]
    deliveries: int = 0  # addresses this event will reach
    held: tuple[tuple[str, str], ...] = ()  # (destination, reason)
    id_reused: bool = False  # another fact came under the same delivery id before
    differs: bool = field(default=False, compare=False)  # a duplicate whose error or end is another than the recorded
    member: "Accepted | None" = field(default=None, compare=False)  # of a Critical failure that a batch reports
    elsewhere: bool = False  # another process owns the partition, and decides


@dataclass(frozen=True, slots=True)
class Trial:
    """Record of earlier attempts of a delivery and of its channel. Times are seconds since the epoch."""

    failing: float = 0.0  # since when it, or what it waits for, fails; 0: it does not
    faults: int = 0  # failures that were its channel's, and so cost no attempt
    failed: float = 0.0  # when the last of these was
    doubted: float = 0.0  # when the first attempt that may have arrived was sent; 0: there is none
    repeated: float = 0.0  # and the last one
    probe: int | None = None  # it goes ahead of what is parked for its channel, after so many that failed
    works: float = 0.0  # when something last got through in its channel
    deaf: float = 0.0  # when its channel last failed to answer even without a message

    @property
    def suspect(self) -> bool:
        """Return whether others got through since it failed: another failure is its own."""
        return 0 < self.failed < self.works


@dataclass(frozen=True, slots=True)
class Delivery:
    """Delivery that was handed out, with everything that an attempt needs. `ticket` names the hand-out."""

    id: str
    ticket: str
    destination: str
    channel: str
    address: str
    kind: Kind
    event: Event  # what it is about; for `live`, the newest
    history: tuple[Event, ...]  # the newest event of each name, oldest first: what is known of the operation
    thread: Mapping[str, str]  # what earlier receipts of this lane left, for instance Slack's channel and ts
    attempt: int  # the number this attempt will have, from 1
    created_at: datetime
    unknown: bool = False  # an earlier attempt may have arrived
    lane: str = ""  # the store's name of the queue it stands in
    options: DeliveryOptions | None = None  # as of Target
    broadcast: bool = False  # of a reply: the conversation sees it as well
    wording: Wording = ""  # where its message is not that of its kind
    group: str = ""  # of a failure: the store's name of the failures of its cause; '' where none are grouped
    window: float = 0.0  # seconds for which failures are grouped; 0: they are not
    people: tuple[str, ...] = ()  # mentioned by a list
    mishap: str = ""  # healed: what had gone wrong
    taken: Mapping[str, str] = field(default_factory=dict)  # live: who looks at it: user, userName, realName
    alike: int = 0  # live: how many more failed for its cause, in its thread
    alone: bool = False  # live: nothing was posted before its outcome, so no reply says more
    waited: float = 0.0  # escalated: seconds for which it was not taken
    trial: Trial = Trial()
    host: str = ""  # that it is sent to with a credential of its own; '': the channel's

    @property
    def scope(self) -> str:
        """Return the scope of failures: its channel, or the host that it is sent to."""
        return f"channel:{self.channel}" + (f"@{self.host}" if self.host else "")

    @property
    def form(self) -> Form:
        return self.wording or self.kind

    @property
    def edits(self) -> bool:  # an edit may be repeated freely, and has limits of its own
        return self.kind in ("live", "roundup") and bool(self.thread)


@dataclass(frozen=True, slots=True)
class Notification:
    """Message for a channel to send. Equal for every attempt of one delivery, but for `thread` and `unknown`."""

    delivery: str
    destination: str
    address: str
    kind: Kind
    content: Mapping[str, Any]  # as the channel's templates made it
    subject: str  # the id of the operation or batch: threads belong together by it
    event: str  # the event's name
    created_at: datetime
    language: str = "en"
    thread: Mapping[str, str] = field(default_factory=dict)
    mentions: tuple[str, ...] = ()
    broadcast: bool = False  # a reply that is shown in the conversation as well
    unsubscribe: str = ""  # the address of the page where its reader ends it; empty: there is none
    unknown: bool = False  # an earlier attempt may have arrived
    space: str = ""  # of the subject's id, if another tenant had it first: a thread is of both (Event.space)
    labels: Mapping[str, str] = field(default_factory=dict)  # `Event.filters`
    lane: str = ""  # as of Delivery: a live message is found by it, whichever delivery posted it


@dataclass(frozen=True, slots=True)
class Receipt:
    """Proof that the other side has the message."""

    detail: str  # a permalink, or the mail server's answer
    thread: Mapping[str, str] = field(default_factory=dict)  # stored for the next delivery of this lane
    shown: str = ""  # of a message that was found: the name of the event that it shows
