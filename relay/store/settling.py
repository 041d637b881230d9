"""mark_sending, extend, release, complete, reschedule, dead_letter: what becomes of a claimed delivery.

One step of settle.lua settles many; none does anything for a worker that has lost the lease.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog

from relay.domain.deliveries import Delivery, Notification, Receipt
from relay.domain.digests import digest_baseline
from relay.domain.silences import Hold
from relay.store.accepting import Batcher
from relay.store.copying import copied_as, packed_copy
from relay.store.partitions import AllTurns, Partition, Partitions
from relay.store.records import to_json
from relay.store.sealing import ANSWER, Sealer
from relay.store.target_plan import silence_plan

log = structlog.get_logger(__name__)

MAX_PAUSED = 3 * 86_400.0  # seconds that a delivery waits for something broken
KEPT_DAYS = 9
ANSWERS = ("error", "detail")  # what the other side said, which scripts carry and never read


@dataclass(frozen=True, slots=True)
class Pause:
    """A fault that concerns every delivery in a scope: none is tried there for `seconds`.

    With `probe`, one delivery goes ahead when the time is over, and the rest follow if it succeeds. `witnessed`: only
    with another message that failed within a minute, for it may be this one's own fault.
    """

    scope: str  # "channel:<name>[@<host>]", "destination:<name>/<address>", "limit:<name>", or "lane" for its own lane
    seconds: float
    reason: str
    probe: bool = False
    witnessed: bool = False


class Settling:
    """`Store` says what each of these does.

    False: the lease is gone, or it could not be settled, and is tried again when the lease lapses.
    """

    def __init__(
        self,
        partitions: Partitions,
        turns: AllTurns,
        lease: float,
        replicas: Callable[[], int],
        sealer: Sealer | None = None,
        *,
        copies: tuple[int, int] | None = None,
    ) -> None:
        """`turns` hear when the next delivery is due; `replicas` must have the mark before one is sent.

        `copies`: so many messages, of so many bytes, are kept for a while as they were sent.
        """
        self._partitions = partitions
        self.keep_copies(copies)
        self._sealer = sealer
        self._turns = turns
        self._lease = int(lease * 1000)
        self._replicas = replicas
        self._begins: list[Batcher[str | bytes, bool]] = [
            Batcher(partial(self._begin_all, partition), limit=128) for partition in partitions
        ]
        self._settles: list[Batcher[str | bytes, bool]] = [
            Batcher(partial(self._settle_all, partition), limit=128) for partition in partitions
        ]

    def keep_copies(self, bounds: tuple[int, int] | None) -> None:
        """From now on, so many of so many bytes; None: no more are kept."""
        self._copies = [max(1, bound // len(self._partitions)) for bound in bounds or ()]

    async def mark_sending(self, delivery: Delivery) -> bool:
        return await self.settle("begin", delivery)

    async def extend(self, delivery: Delivery) -> bool:
        return await self.settle("extend", delivery)

    async def release(self, delivery: Delivery, delay: float, probes_in: float | None) -> bool:
        details: dict[str, Any] = {} if probes_in is None else {"probes_in": int(probes_in * 1000)}
        return await self.settle("release", delivery, delay=int(delay * 1000), **details)

    async def complete(self, delivery: Delivery, receipt: Receipt, sent: Notification | None = None) -> bool:
        copy = packed_copy(delivery, sent, time.time(), self._sealer) if sent and self._copies else b""
        new = any(delivery.thread.get(key) != value for key, value in receipt.thread.items())
        return await self.settle(
            "found" if receipt.shown else "complete",
            delivery,
            thread=dict(receipt.thread),
            shown=receipt.shown,
            detail=receipt.detail[:500],
            new=new,
            copy=copy,
            **({"copies": [copied_as(delivery), *self._copies]} if copy else {}),
            **({"lane": delivery.lane} if delivery.kind in ("live", "roundup") else {}),
            **({"kept": digest_baseline_of(delivery.event.document)} if delivery.kind == "digest" else {}),
        )

    async def reschedule(
        self,
        delivery: Delivery,
        delay: float,
        error: str,
        *,
        refund_attempt: bool,
        unknown: bool,
        of_channel: bool,
        refused: bool,
        unsent: bool,
        deaf: bool,
        holds: Sequence[Pause],
    ) -> bool:
        pauses = [
            {
                "scope": _scope(pause, delivery),
                "ms": int(pause.seconds * 1000),
                "reason": pause.reason[:500],
                "probe": pause.probe,
                "witnessed": pause.witnessed,
            }
            for pause in holds
        ]
        return await self.settle(
            "reschedule",
            delivery,
            delay=int(delay * 1000),
            error=error[:500],
            free=refund_attempt,
            unknown=unknown,
            fault=of_channel,
            refused=refused,
            unsent=unsent,
            deaf=deaf,
            pauses=pauses,
        )

    async def dead_letter(self, delivery: Delivery, reason: str, error: str, *, bounce: str) -> bool:
        details: dict[str, Any] = {"bounce": bounce} if bounce else {}
        return await self.settle("bury", delivery, reason=reason, error=error[:500], **details)

    async def silence(self, delivery: Delivery, hold: Hold) -> bool:
        return await self.settle("silence", delivery, silence=silence_plan(hold.silence), how=hold.how)

    async def give_back(self, partition: Partition, row: Sequence[bytes], delay: int) -> None:
        """A claimed delivery, still as claim answered it, which is due again in `delay` ms."""
        await self._let_go(partition, row, "release", delay=delay)

    async def bury(self, partition: Partition, row: Sequence[bytes], reason: str, error: str) -> None:
        """One that nothing can be made from is a dead letter."""
        await self._let_go(partition, row, "bury", reason=reason, error=error)

    async def _let_go(self, partition: Partition, row: Sequence[bytes], verb: str, **details: int | str) -> None:
        request = {"verb": verb, "id": row[0].decode(), "lease": row[1].decode(), **details}
        await self._settles[partition.number].submit(json.dumps(request))

    async def put_aside(self, name: str, lease: str, error: str) -> None:
        """Give back what could not be read: another release may read it later. Too often, and it is a dead letter."""
        request = {"verb": "unreadable", "id": name, "lease": lease, "error": error}
        await self._settles[self._partitions.of(name).number].submit(json.dumps(request))

    async def settle(self, verb: str, delivery: Delivery, *, copy: bytes = b"", **details: Any) -> bool:
        """`verb` and `details` as settle.lua takes them; `copy` travels behind them as it is."""
        if self._sealer is not None:
            answers = {name: self._sealer.seal_text(details[name], ANSWER) for name in ANSWERS if details.get(name)}
            details |= answers
        if delivery.trial.probe is not None:
            details["probing"] = True
        request = {"verb": verb, "id": delivery.id, "lease": delivery.lease, **details}
        # Half a surrogate pair, as JSON from outside may hold, is nothing that Redis's JSON could read.
        text: str | bytes = (encoded := json.dumps(request, ensure_ascii=False).encode("utf-8", "replace")).decode()
        if copy:
            text = encoded + b"\0" + copy
        batchers = self._begins if verb == "begin" else self._settles
        return await batchers[self._partitions.of(delivery.id).number].submit(text)

    async def _begin_all(self, partition: Partition, requests: Sequence[str | bytes]) -> Sequence[bool]:
        answers = await partition.run("settle", [self._lease, *requests], self._replicas(), quiet=True)
        return self._were_settled(answers)

    async def _settle_all(self, partition: Partition, requests: Sequence[str | bytes]) -> Sequence[bool]:
        before = partition.changes
        answers = await partition.run("settle", [self._lease, *requests])
        for row in answers[len(requests) :]:
            channel, _, wait = row.decode().rpartition(" ")
            self._turns.of(channel).heard(partition, before + 1, float(wait) / 1000 if wait else None)
        return self._were_settled(answers[: len(requests)])

    def _were_settled(self, answers: Sequence[bytes]) -> Sequence[bool]:
        for answer in answers:
            if answer.startswith(b"error"):  # its lease lapses, and it is tried again
                log.error("settle.failed", error=answer.decode(errors="replace"))
        return [answer == b"ok" for answer in answers]


def digest_baseline_of(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return what settling a digest keeps for the next one."""
    baseline = digest_baseline(document)
    end = datetime.fromisoformat(document["to"])
    oldest = (end - timedelta(days=KEPT_DAYS)).date().isoformat()
    return {
        "last": to_json(baseline["last"]),
        "days": baseline["days"],
        "to": int(end.timestamp() * 1000),
        "oldest": oldest,
    }


def _scope(pause: Pause, delivery: Delivery) -> str:
    if pause.scope == "lane":
        return f"lane:{delivery.lane}"
    return pause.scope
