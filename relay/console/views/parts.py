"""How the parts of relay are: who sends, where messages go, what waits, and the store below."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import chain

from relay.background.intake import TAKEN, counts
from relay.console.desk import Vantage
from relay.console.times import moment
from relay.console.view import Facts
from relay.console.views.refusals import WORDS
from relay.store.history import History
from relay.store.refusals import Refusals
from relay.store.runs import Runs


class SourceHealth(Facts):
    """Requests since this process began, by what became of them.

    `refused_today` are those of all processes since midnight (UTC), by reason; the last came at `last_refused`.
    """

    name: str
    accepted: int
    duplicates: int
    late: int
    refused: int
    refused_today: dict[str, int]
    last_refused: datetime | None

    @property
    def reasons(self) -> list[tuple[str, int]]:
        """Each in words."""
        return [(WORDS.get(reason, reason), count) for reason, count in self.refused_today.items()]


class ChannelHealth(Facts):
    """`waiting` deliveries, due or not; `parked` of these wait for it to work again."""

    name: str
    paused_since: datetime | None
    why: str
    waiting: int
    parked: int
    oldest_due: datetime | None


class DestinationHealth(Facts):
    """`paused_since`, `why` of the address that has been paused longest; `paused` of its `addresses` are.

    `channel_fault` is why its channel does not work, '' if it does: then nothing is sent there either, and `parked` has
    what waits for its addresses alone.
    """

    name: str
    channel: str
    addresses: int
    paused: int
    paused_since: datetime | None
    why: str
    channel_fault: str = ""
    parked: int
    last_delivered: datetime | None


class StoreHealth(Facts):
    """Redis: `memory` in bytes, `fullness` 0 to 1 of its maxmemory (0 where it has none)."""

    memory: int
    fullness: float
    replicas: int
    partitions: int
    away: int
    aof_failing: bool
    last_tick: datetime | None


class Throttled(Facts):
    """A limit of the other side that is used up for long."""

    name: str
    since: datetime | None
    why: str


async def sources(vantage: Vantage) -> list[SourceHealth]:
    """Those of the configuration, the ones of which most is refused first."""
    today = await Refusals(vantage.store.redis).totals(vantage.clock(), days=1)
    requests = counts()
    names = vantage.config().sources
    rows = []
    for name in names:
        own = {outcome: int(count) for (source, outcome), count in requests.items() if source == name}
        refused = sum(count for outcome, count in own.items() if outcome not in TAKEN | {"challenge"})
        rows.append(
            SourceHealth(
                name=name,
                accepted=own.get("accepted", 0),
                duplicates=own.get("duplicate", 0),
                late=own.get("late", 0),
                refused=refused,
                refused_today={row.reason: row.count for row in today if row.source == name},
                last_refused=moment(max((row.last for row in today if row.source == name), default=None)),
            )
        )
    return sorted(rows, key=lambda row: -sum(row.refused_today.values()))


async def channels(
    vantage: Vantage, waiting: Mapping[str, int], due: Mapping[str, float]
) -> tuple[list[ChannelHealth], list[DestinationHealth]]:
    """Channels and destinations: what is paused first."""
    config = vantage.config()
    names = [*config.channels]
    places = {name: [f"destination:{name}/{to}" for to in its.addresses] for name, its in config.destinations.items()}
    scopes = [f"channel:{name}" for name in names] + [*chain.from_iterable(places.values())]
    paused = await vantage.admin.paused(scopes)
    parked = await vantage.admin.parked(names, [*paused])
    last = await History(vantage.store, partial=True).last_delivered([*config.destinations])
    rows = [
        ChannelHealth(
            name=name,
            paused_since=moment(paused.get(f"channel:{name}", (None, ""))[0]),
            why=paused.get(f"channel:{name}", (None, ""))[1],
            waiting=waiting.get(name, 0),
            parked=parked.get(f"channel:{name}", 0),
            oldest_due=moment(due.get(name)),
        )
        for name in names
    ]
    every = [
        DestinationHealth(
            name=name,
            channel=settings.channel,
            addresses=len(settings.addresses),
            channel_fault=paused.get(f"channel:{settings.channel}", (None, ""))[1],
            last_delivered=moment(last.get(name)),
            **_pause([scope for scope in places[name] if scope in paused], paused, parked),
        )
        for name, settings in config.destinations.items()
    ]
    every.sort(key=lambda row: (not row.paused, not row.channel_fault))
    return sorted(rows, key=lambda row: not row.why), every


def _pause(
    scopes: Sequence[str], paused: Mapping[str, tuple[float, str]], parked: Mapping[str, int]
) -> dict[str, object]:
    since, why = min((paused[scope] for scope in scopes), default=(None, ""))
    return {
        "paused": len(scopes),
        "paused_since": moment(since),
        "why": why,
        "parked": sum(parked.get(scope, 0) for scope in scopes),
    }


async def throttled(vantage: Vantage) -> list[Throttled]:
    limits = await vantage.admin.throttled()
    return [
        Throttled(name=name.removeprefix("limit:"), since=moment(since), why=why)
        for name, (since, why) in limits.items()
    ]


async def redis(vantage: Vantage) -> StoreHealth:
    signs = await vantage.store.signs()
    return StoreHealth(
        memory=signs.memory,
        fullness=signs.fullness,
        replicas=signs.replicas,
        partitions=len(vantage.store.partitions),
        away=len(vantage.store.away),
        aof_failing=signs.aof_failing,
        last_tick=moment(await Runs(vantage.store).last_tick()),
    )


def oldest(due: Iterable[float]) -> datetime | None:
    return moment(min(due, default=None))
