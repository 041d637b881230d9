"""Replay and drop dead letters and quarantined bodies in bounded steps: named ones, or all that match filters."""

import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from secrets import token_hex

from relay.config import Config
from relay.domain.deliveries import Accepted
from relay.domain.events import Event
from relay.errors import HandlingFailed, Ignored, InvalidEvent, NotJson, NotYetDone
from relay.formats.mapping import NO_CASE
from relay.ingest import IngestEvent
from relay.operating.blockers import Blockers
from relay.receiving.outcomes import take_each, taken
from relay.receiving.reading import UNCONFIGURED, SourceReader, of_format, readers
from relay.receiving.signatures import EventIdentity
from relay.store.bodies import Bodies, Quarantined
from relay.store.queries.admin import Admin
from relay.store.queries.dead_letters import DeadLetter, DeadPages

STEP = 50  # rows of one step
PATIENCE = 5.0  # seconds after which the answer says how far it got
MOST_EVENTS = 2000  # of one body that was kept because it has too many
COUNTED = 2000  # dead letters that are looked at to say how many would be meant


@dataclass
class Swept:
    """Outcome: by reason, those that `stay` and `wait`; others have replayed or dropped the `gone` ones.

    `later`: another process has taken these, and has not said yet that they are done.
    """

    done: int = 0
    stay: Counter[str] = field(default_factory=Counter)
    wait: Counter[str] = field(default_factory=Counter)
    gone: int = 0
    later: int = 0
    more: bool = False

    @property
    def notes(self) -> str:
        stays = [f"{count} {'stay' if count > 1 else 'stays'}: {why}" for why, count in self.stay.items()]
        return "; ".join([*stays, *(f"{count}: {why}" for why, count in self.wait.items())])


Step = Callable[[Sequence[str], Swept], Awaitable[None]]  # acts on these ids, and adds what came of it
NextPage = Callable[[str], Awaitable[tuple[Sequence[str], str]]]  # from a cursor to ids and the next cursor


@dataclass
class Meant:
    """Matching dead letters by destination and reason, of the newest `looked`; `more`: at least so many."""

    count: int = 0
    looked: int = 0
    by: Counter[tuple[str, str]] = field(default_factory=Counter)
    more: bool = False


async def meant(pages: DeadPages, matches: Callable[[DeadLetter], bool], since: float | None, until: float) -> Meant:
    """Count matches that died in this time (seconds since the epoch)."""
    answer, cursor = Meant(), ""
    while answer.looked < COUNTED:
        page = await pages.page(matches, since=since, until=until, cursor=cursor, limit=COUNTED, whole=False)
        answer.by.update((letter.destination, letter.reason) for letter in page.rows)
        answer.count += len(page.rows)
        answer.looked += page.looked
        cursor = page.cursor
        if not cursor:
            return answer
    answer.more = True
    return answer


async def sweep(step: Step, next_page: NextPage, *, monotonic: Callable[[], float] = time.monotonic) -> Swept:
    """Act page by page, the newest first."""
    swept, cursor, end = Swept(), "", monotonic() + PATIENCE
    while True:
        ids, cursor = await next_page(cursor)
        swept.more = False
        if ids:
            await step(ids, swept)
        swept.more = swept.more or bool(cursor)
        if not cursor or swept.later or monotonic() >= end:
            return swept


def replay_dead(admin: Admin, blockers: Blockers) -> Step:
    """Put them back into the queue, but those that would be lost there."""

    async def step(name: str, swept: Swept) -> None:
        letter = await admin.dead_letter(name)
        blocker = await blockers.of(letter) if letter else None
        if blocker and blocker.refuses:
            swept.stay[blocker.sentence] += 1
        elif letter is None or not await admin.replay([name]):
            swept.gone += 1
        else:
            swept.done += 1
            swept.wait.update([blocker.sentence] if blocker else [])

    return _one_by_one(step)


def replay_quarantined(bodies: Bodies, take: Callable[[Quarantined], Awaitable[None]]) -> Step:
    """Take them as events, by `take`, and release them; entries go back to the inbox. What is still refused stays."""

    async def step(name: str, swept: Swept) -> None:
        if await bodies.entries.put_back(name):
            swept.done += 1
            return
        entry = await bodies.named(name)
        if entry is None:
            swept.gone += 1
            return
        try:
            await take(entry)
        except Ignored as error:
            if error.message == NO_CASE:  # which a slip in a format says of everything
                swept.stay[f"is still refused: {error}"] += 1
                return
            await bodies.release([name])
            swept.done += 1
        except (NotJson, InvalidEvent) as error:
            swept.stay[f"is still refused: {error}"] += 1
        except HandlingFailed as error:
            swept.stay[f"relay itself still fails on it: {error}"] += 1
        else:
            await bodies.release([name])  # after it is decided: a crash between the two repeats nothing
            swept.done += 1

    return _one_by_one(step)


def _one_by_one(one: Callable[[str, Swept], Awaitable[None]]) -> Step:
    """Stop at what is not done yet: each that follows would be waited for as long."""

    async def step(ids: Sequence[str], swept: Swept) -> None:
        for place, name in enumerate(ids, start=1):
            try:
                await one(name, swept)
            except NotYetDone:
                swept.later += 1
                swept.more = swept.more or place < len(ids)
                return

    return step


def drop(act: Callable[[Sequence[str]], Awaitable[int]]) -> Step:
    """Delete them by `act`, which says of how many that was true."""

    async def step(ids: Sequence[str], swept: Swept) -> None:
        try:
            count = await act(ids)
        except NotYetDone:
            swept.later += len(ids)
            return
        swept.done += count
        swept.gone += len(ids) - count

    return step


async def take(entry: Quarantined, config: Config, ingest: IngestEvent, now: float) -> None:
    """Ingest its events, all of them and however old. Raises NotJson, InvalidEvent, NotPermitted or HandlingFailed if
    one is still refused, Ignored if none is about a run, and NotYetDone where another process has not decided yet."""
    reader = readers(config.sources).get(entry.source) or SourceReader(entry.source, UNCONFIGURED)
    # A foreign body is read as of when it came: what was taken of it is known by that, and an old alert is old.
    received_at = entry.at if reader.form else datetime.fromtimestamp(now, UTC)
    ids = EventIdentity.from_quarantine(entry.headers).ids(entry.body)
    headers = {key: [text.encode("latin-1", "replace")] for key, text in of_format(entry.headers).items()}
    events = reader.events(entry.body, received_at=received_at, headers=headers, ids=ids, limit=MOST_EVENTS)

    async def decided(event: Event) -> Accepted:
        accepted = await ingest(event, permissions=reader.permissions, act=token_hex(8))
        if accepted.elsewhere:
            raise NotYetDone("taken, not yet done: the process that decides is busy, or another one takes over")
        return accepted

    outcomes = await take_each(events, decided)
    for its in outcomes:
        if its.refusal:
            raise its.refusal
    if isinstance(why := outcomes[0].result, Ignored) and not taken(outcomes):
        raise why
