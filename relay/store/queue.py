"""The queue: events are reported to the partition's owner, deliveries handed out and settled, acts of people decided.

One process owns the partition and decides; the others append to its inbox (relay/store/journal/). Questions for people
are in relay/store/queries/.
"""

import contextlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import count
from secrets import token_hex
from types import MappingProxyType
from typing import Any

import structlog

from relay.domain.deliveries import Accepted, Delivery, Hold, Receipt, Target, Window
from relay.domain.digests import digest_baseline
from relay.domain.events import Event
from relay.domain.permissions import Permissions
from relay.engine import names
from relay.engine.causes import ClaimMentions
from relay.engine.intake import Report
from relay.engine.pauses import PauseScope
from relay.engine.posted import Arrived
from relay.engine.receipts import Failed, GiveUp, Held, Lapse, Mark, Release, Withhold
from relay.engine.take import Take, Taken
from relay.errors import HandlingFailed, NotYetDone
from relay.policy.retry import Pause
from relay.store.journal.backlog import NotOwner
from relay.store.journal.inbox import TAKEN
from relay.store.journal.items import Admission
from relay.store.journal.partition import Partition
from relay.store.queries.reader import Reader

log = structlog.get_logger(__name__)

PRESSED = 0.3  # seconds that a press waits for the owner's answer: Slack waits, too
LONGEST = 500  # characters of an answer that is kept
KEPT_DAYS = 9  # of the figures that digests compare themselves with


class Queue:
    """One process's way to the partition. StoreUnavailable: nothing is promised, and every call may be repeated."""

    def __init__(self, journal: Partition, reader: Reader) -> None:
        self.journal = journal
        self.reader = reader
        self._hand_outs = count()
        self._spell = self._rounds = 0  # times that it ceased to own the partition; looks at what is attended to
        self._hands_out = False  # in this spell
        self._attended = Counter[str]()  # hand-outs → claims and deliveries of them that are under way here

    async def submit(self, entry: Any, *, act: str = "") -> Any:
        """Have an entry decided; return its answer. `act`: the id of an act of people, which counts once.

        NotYetDone where another process owns the partition and has not answered: it will be done.
        """
        if not self.journal.owns:
            act = act or token_hex(8)  # under which the owner's answer is kept
        answer = await self.journal.submit(entry, act=act, brief=not act)
        if answer is TAKEN:
            raise NotYetDone("taken, not yet done: the process that decides is busy, or another one takes over")
        return answer

    async def report(
        self,
        event: Event,
        targets: Sequence[Target] | None = None,
        *,
        permissions: Permissions | None = None,
        crowded: bool = False,
        act: str = "",
    ) -> Accepted:
        """Make an event durable with everyone who is notified of it: these targets, or those that the rules name.

        `act`: the id of the act of a person who reports it; that of a press, or of its outcome, is made of the event's.
        An act counts once, and is never refused because too much waits.

        Raises AmbiguousId, NotPermitted, Ignored, HandlingFailed, and StoreUnavailable. Where another process owns the
        partition, the answer is `accepted` without deliveries: the event is durable, and the owner decides. That of an
        act may be the owner's, if it comes soon.
        """
        if event.action:
            act = names.digest("press", event.id, *map(str, event.action.values())).hex()
        progress = event.name == "operation.progress" and not event.terminal
        admission = Admission.ALWAYS if act else Admission.PROGRESS if progress else Admission.OUTCOME
        # Only where this process owns the partition: what is in the inbox is accepted already.
        crowded = crowded and event.name == "operation.progress" and self.journal.owns
        entry = Report(event, targets, permissions, crowded=crowded, kept=bool(act) and not event.action)
        patience = PRESSED if event.action else None
        answer = await self.journal.submit(entry, act=act, admission=admission, patience=patience, only_owner=crowded)
        return answer if isinstance(answer, Accepted) else Accepted("accepted", elsewhere=True)

    async def claim(self, channel: str, limit: int, quiet: Mapping[str, Window] = MappingProxyType({})) -> Taken:
        """Hand out up to `limit` due deliveries of one channel: none where another process owns the partition.

        `quiet` has the destinations with quiet hours now (`*`: all that are not named): new messages there are bundled.
        """
        if not self.journal.owns:
            return Taken()
        hand_out = f"{self.journal.process}:{self._spell}:{self._rounds}:{next(self._hand_outs)}"
        self._attended[hand_out], self._hands_out = 1, True
        try:
            take = Take(channel, limit, hand_out, quiet)
            taken: Taken = await self.journal.submit(take, lazy=True, brief=True)
            self._attended[hand_out] += len(taken.deliveries)
        except NotOwner:
            return Taken()
        finally:
            self._let_go(hand_out)
        return taken

    def attended(self) -> list[str]:
        """Return how tickets of this process begin that are attended to, and all to come."""
        self._rounds += 1
        return [f"{self.journal.process}:{self._spell}:{self._rounds}", *self._attended]

    def unattended(self) -> Lapse | None:
        """Return what gives up the hand-outs that this process does not attend to, now that it owns no partition.

        It may be decided late: what this process hands out when it owns the partition again is of another spell.
        """
        if self._hands_out:
            self._spell, self._hands_out = self._spell + 1, False
        process = self.journal.process
        living = [f"{process}:{self._spell}", *self._attended]
        return Lapse(f"{process}:", living) if self._spell else None

    def let_go(self, delivery: Delivery) -> None:
        """This process does nothing more for this hand-out: if it goes on, it is given up."""
        self._let_go(delivery.ticket.removesuffix(f":{delivery.id}"))

    def _let_go(self, hand_out: str) -> None:
        self._attended[hand_out] -= 1
        if self._attended[hand_out] <= 0:
            del self._attended[hand_out]

    async def mark_sending(self, delivery: Delivery, within: float = 0.0) -> bool:
        """Mark it before the first byte leaves. False: it is no longer this process's, so nothing may be sent.

        `within`: seconds after which its call is over; until then nobody repeats it if this process is gone.
        """
        with contextlib.suppress(NotOwner):
            if not await self._settle(Mark, delivery, only_owner=True, lasts=int(within * 1000)):
                return False
            if self.journal.may_send():
                return True
        await self.release(delivery)  # the next owner would leave it to this process, which lives
        return False

    async def release(self, delivery: Delivery, delay: float = 0.0, probes_in: float | None = None) -> bool:
        """Give an unsent delivery back: due at once, or after so many seconds.

        `probes_in`: it was to probe its channel, which is probed again in so many seconds.
        """
        probes = None if probes_in is None else int(probes_in * 1000)
        return await self._settle(Release, delivery, delay=int(delay * 1000), probes_in=probes)

    async def silence(self, delivery: Delivery, hold: Hold) -> bool:
        """A silence means this unsent delivery: it joins the summary at its end, waits for that, or is dropped.

        False: the silence is over, so that it may be sent; or it is no longer this process's.
        """
        return await self._settle(Withhold, delivery, silence=hold.silence, how=hold.how)

    async def complete(self, delivery: Delivery, receipt: Receipt) -> bool:
        """It arrived. What the receipt says of the thread is kept for the lane's next delivery.

        A live message that was found shows its present state next.
        """
        return await self._settle(
            Arrived,
            delivery,
            receipt=dict(receipt.thread),
            detail=receipt.detail[:LONGEST],
            new=any(delivery.thread.get(key) != value for key, value in receipt.thread.items()),
            found=bool(receipt.shown),
            shown=receipt.shown,
            converges=delivery.kind in ("live", "roundup"),
            baseline=baseline_of(delivery.event.document) if delivery.kind == "digest" else None,
        )

    async def reschedule(
        self, delivery: Delivery, delay: float, error: str, *, holds: Sequence[Pause] = (), **flags: bool
    ) -> bool:
        """Try again in `delay` seconds, or with what is parked for the same channel. `flags`: of `Failed`."""
        pauses = tuple(_scope(pause, delivery) for pause in holds)
        details: dict[str, Any] = {"delay": int(delay * 1000), "error": error[:LONGEST], "pauses": pauses, **flags}
        return await self._settle(Failed, delivery, **details)

    async def dead_letter(self, delivery: Delivery, reason: str, error: str, *, bounce: str = "") -> bool:
        """Give it up: a dead letter, kept with its reason.

        `bounce` (hard or soft) counts against its address, which in the end is written to no more.
        """
        return await self._settle(GiveUp, delivery, reason=reason, error=error[:LONGEST], bounce=bounce)

    async def claim_mentions(self, delivery: Delivery, people: Sequence[str]) -> tuple[str, ...]:
        """Return the people that this delivery mentions: no other of its cause did within the window."""
        ms = int(delivery.window * 1000)
        return tuple(await self.submit(ClaimMentions(delivery.group, people, delivery.id, ms)))

    async def _settle(self, kind: type[Held], delivery: Delivery, *, only_owner: bool = False, **details: Any) -> bool:
        """A receipt may go by the inbox: the present owner needs it. Where relay fails on it, the hand-out lapses."""
        try:
            return bool(await self.journal.submit(_of(kind, delivery, **details), only_owner=only_owner))
        except HandlingFailed as error:
            log.error("settle.failed", delivery=delivery.id, error=str(error))
            return False


def _of(kind: type[Held], delivery: Delivery, **details: Any) -> Held:
    return kind(delivery.id, delivery.ticket, delivery.lane, delivery.trial.probe is not None, **details)


def _scope(pause: Pause, delivery: Delivery) -> PauseScope:
    scope = f"lane:{delivery.lane}" if pause.scope == "lane" else pause.scope
    ms = int(pause.seconds * 1000)
    return PauseScope(scope, ms, pause.reason[:LONGEST], pause.probe, pause.witnessed)


def baseline_of(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a digest keeps for the next one: its figures, and how many runs completed and failed a day."""
    baseline, end = digest_baseline(document), datetime.fromisoformat(document["to"])
    return {
        "last": json.dumps(baseline["last"], ensure_ascii=False, separators=(",", ":")),
        "days": baseline["days"],
        "to": int(end.timestamp() * 1000),
        "oldest": (end - timedelta(days=KEPT_DAYS)).date().isoformat(),
    }
