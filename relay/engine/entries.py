"""Entries of a step: what arrives, time that has come, what became of a send, and acts of people."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from relay.domain.deliveries import Delivery, Target, Window
from relay.domain.events import Event
from relay.domain.permissions import Permissions
from relay.domain.silences import Silenced


class Settings(Protocol):
    """The configuration, as far as decisions need it. The same object for as long as nothing changes."""

    @property
    def job(self) -> str: ...  # the operator's template for names of jobs
    @property
    def max_jobs(self) -> int: ...
    def targets(self, event: Event) -> Sequence[Target]: ...  # by the rules, and without silences
    def asks(self, condition: str) -> bool: ...  # whether any rule has it


class NoRules:
    """Settings before there is a configuration, without recipients."""

    job = ""
    max_jobs = 0

    def targets(self, event: Event) -> Sequence[Target]:  # noqa: ARG002 - of the protocol
        return ()

    def asks(self, condition: str) -> bool:  # noqa: ARG002 - of the protocol
        return False


NO_RULES = NoRules()


@dataclass(frozen=True, slots=True)
class Report:
    """An event. `targets`: those that are notified, instead of those that the rules name; its facts stay as they are.

    completes  it is a known outcome with what another report of it adds
    crowded    Redis has little room: progress without a recipient is refused (NoRoom)
    kept       its body stays in the quarantine until it is known that this was taken: what fails on it loses nothing
    Answer: relay.domain.deliveries.Accepted.
    """

    event: Event
    targets: Sequence[Target] | None = None
    permissions: Permissions | None = None
    completes: bool = False
    crowded: bool = False
    kept: bool = False


@dataclass(frozen=True, slots=True)
class Take:
    """Hand out up to `most` due deliveries of a channel. Answer: `Taken`.

    quiet   destination (`*`: all that are not named) → its quiet hours at hand
    ticket  names this hand-out, in all processes and for ever; each delivery's is "<ticket>:<its id>"
    """

    channel: str
    most: int
    ticket: str
    quiet: Mapping[str, Window] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Taken:
    """Deliveries to compose, and the seconds until the next one is due (None: nothing waits for a time)."""

    deliveries: tuple[Delivery, ...] = ()
    next_due: float | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """Something about a delivery that was handed out. Answer: bool; False: it is no longer the sender's.

    lane     the delivery's, for a receipt that comes when the delivery is gone
    probing  it went ahead of what waits for its channel
    """

    id: str
    ticket: str
    lane: str = ""
    probing: bool = False


@dataclass(frozen=True, slots=True)
class Mark(Held):
    """The first byte is about to leave. `lasts`: ms after which the call is over; 0: that is not known."""

    lasts: int = 0


@dataclass(frozen=True, slots=True)
class Release(Held):
    """Nothing was sent. `probes_in`: its channel, which it was to probe, is probed again in so many ms."""

    delay: int = 0  # ms
    probes_in: int | None = None


@dataclass(frozen=True, slots=True)
class Arrived(Held):
    """The other side has it. `new`: it is a message of its own and no edit.

    found     its earlier attempt was found; `shown`: the event that it shows
    receipt   the channel's own, for the lane's next delivery
    baseline  of a digest (relay.domain.digests.digest_baseline), with `to` (ms) and `oldest` (day)
    """

    receipt: Mapping[str, str] = field(default_factory=dict)
    detail: str = ""
    new: bool = True
    found: bool = False
    shown: str = ""
    converges: bool = False  # it is a live message or a list that is edited
    baseline: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class PauseScope:
    """A fault that concerns every delivery in a scope (relay.policy.retry.Pause); `ms` for which it does."""

    scope: str
    ms: int
    reason: str
    probe: bool = False
    witnessed: bool = False


@dataclass(frozen=True, slots=True)
class Failed(Held):
    """The attempt failed, and another is made in `delay` ms. Flags as of relay/store/queue.py, reschedule."""

    delay: int = 0
    error: str = ""
    refund_attempt: bool = False
    unknown: bool = False
    of_channel: bool = False
    refused: bool = False
    unsent: bool = False
    unresponsive: bool = False
    pauses: tuple[PauseScope, ...] = ()


@dataclass(frozen=True, slots=True)
class GiveUp(Held):
    """It becomes a dead letter. `bounce` (hard, soft) counts against its address."""

    reason: str = ""
    error: str = ""
    bounce: str = ""


@dataclass(frozen=True, slots=True)
class Withhold(Held):
    """A silence means it, and nothing was sent."""

    silence: Silenced | None = None
    how: str = ""  # bundled, later, dropped


@dataclass(frozen=True, slots=True)
class SetAside(Held):
    """Set a delivery aside that could not be read, or that made a process fail."""

    error: str = ""


@dataclass(frozen=True, slots=True)
class Lapse:
    """Give up hand-outs of a process that is gone: without a mark nothing was sent, with one the outcome is unknown.

    `begins`: how its tickets begin. `living`: those of these processes are left alone. Neither: all of them.
    `ended`: how tickets begin of which no call is under way, but for those that begin as `running` says; any other call
    may go on until its time is over.
    """

    begins: str = ""
    living: Sequence[str] = ()
    ended: Sequence[str] = ("",)
    running: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class ClockSetBack:
    """Redis's clock was set back by `step` ms: what waited for a time waits as long as it had to.

    Answer: `after` of the same again, which puts the next `most` right; '' when all is done.
    """

    step: int
    after: str = ""
    most: int = 500


@dataclass(frozen=True, slots=True)
class ReplayDead:
    """Deliver dead letters again. Answer: how many."""

    ids: Sequence[str]


@dataclass(frozen=True, slots=True)
class DropDead:
    """Drop dead letters for good. Answer: how many."""

    ids: Sequence[str]


@dataclass(frozen=True, slots=True)
class AddSilence:
    """Answer: False where `most` are not over yet."""

    id: str
    text: str
    ends: int
    most: int


@dataclass(frozen=True, slots=True)
class EndSilence:
    """End it before its time. Answer: the channels in which something is due by that; None: it was over."""

    id: str


@dataclass(frozen=True, slots=True)
class PauseDestination:
    """A person pauses a destination for `ms`; None: without an end."""

    destination: str
    ms: int | None
    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class ResumeDestination:
    """Answer: whether it was paused."""

    destination: str


@dataclass(frozen=True, slots=True)
class Announce:
    """The newest configuration's addresses: destination → channel → addresses (`*`: any)."""

    addresses: Mapping[str, Mapping[str, Sequence[str]]]


@dataclass(frozen=True, slots=True)
class LiftPauses:
    """Try at once what failed: lift pauses of channels, destinations and limits. Answer: how many were lifted."""

    scopes: Sequence[str] = ()  # none: all but those that people made


@dataclass(frozen=True, slots=True)
class GiveUpParked:
    """Dead-letter what has failed for more than `max_age` ms, up to `most`. Answer: how many."""

    max_age: int
    most: int


@dataclass(frozen=True, slots=True)
class GatherParked:
    """Keep so many in each place; the oldest of the rest go into a list, up to `most`. Answer: how many."""

    kept: int
    most: int


@dataclass(frozen=True, slots=True)
class GiveUpChannel:
    """Dead-letter what waits for a channel that is configured no more, for more than `max_age` ms. Answer: how many."""

    channel: str
    max_age: int
    most: int


@dataclass(frozen=True, slots=True)
class ScheduleDigest:
    """Send this window's digest also if nothing comes in. Answer: False where it is scheduled already."""

    target: Target
    window: Window


@dataclass(frozen=True, slots=True)
class SendDigest:
    """Send now what the window holds so far. Answer: False where it holds nothing."""

    target: Target
    window: Window


@dataclass(frozen=True, slots=True)
class Suppress:
    """Answer: whether it is new."""

    destination: str
    address: str
    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Unsuppress:
    """Answer: whether it was suppressed, and for that `reason` ('' for any)."""

    destination: str
    address: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Tick:
    """Sign of life of the watchdog; after more than `gap` ms without one, nothing is found wrong for `grace` ms.

    Answer: (now, until when nothing may be found wrong, stalled runs, runs forgotten with an open alarm).
    """

    gap: int
    grace: int


@dataclass(frozen=True, slots=True)
class RunsDue:
    """Give out up to `most` runs for the watchdog, each not again for `pause` ms.

    Answer: (looked at, [(name, ticket, relay.domain.jobs.Run)]).
    """

    most: int
    pause: int


@dataclass(frozen=True, slots=True)
class LookAgain:
    """Set when the watchdog looks at these again: (operation, ticket, ms)."""

    times: Sequence[tuple[str, int, int]]


@dataclass(frozen=True, slots=True)
class AskedPlatform:
    """The platform was asked about these operations."""

    operations: Sequence[str]


@dataclass(frozen=True, slots=True)
class TakeTurn:
    """Take the turn to ask the platform, one in each `period` ms. Answer: ms of the newest `Reconciled`; None: wait."""

    period: int


@dataclass(frozen=True, slots=True)
class LookAtTroubles:
    """Read what is wrong with relay itself; `parts` of the work that this process does: receive, deliver."""

    parts: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class KeepTroubles:
    """Replace the text, if it is still as it was. Answer: bool."""

    was: str
    becomes: str


@dataclass(frozen=True, slots=True)
class TakeTurnFor:
    """Take a turn that one process has in each `period` ms. Answer: bool."""

    name: str
    period: int


@dataclass(frozen=True, slots=True)
class RecordWorks:
    """A test message got through: these scopes work, unless deliveries found otherwise."""

    scopes: Sequence[str]


@dataclass(frozen=True, slots=True)
class ClaimMentions:
    """Mention people for a cause (`group`) by this delivery, each once in `window` ms. Answer: those it mentions."""

    group: str
    people: Sequence[str]
    delivery: str
    window: int


@dataclass(frozen=True, slots=True)
class Lost:
    """An entry that was taken and could not be decided: an event counts as dead, and is kept aside for people."""

    reason: str
    is_event: bool = False


@dataclass(frozen=True, slots=True)
class Reconciled:
    """Every run that began before `at` (ms) is known."""

    at: int


@dataclass(frozen=True, slots=True)
class ReportTick:
    """The newest tick of this name failed; without `error` it did not."""

    name: str
    error: str = ""


@dataclass(frozen=True, slots=True)
class ForgetMissing:
    """The report that a run has not begun is too old, or cannot be read."""

    operation: str


@dataclass(frozen=True, slots=True)
class ForgetDocuments:
    """Drop the documents of up to `most` runs that ended three days ago. Answer: how many were due.

    `retention`: ms after its outcome for which the rest of a run is remembered.
    """

    most: int
    retention: int
