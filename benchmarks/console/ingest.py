"""What open pages cost those who send events: as many as are taken, in turns with and without somebody who looks."""

import http.client
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from statistics import median
from typing import NamedTuple

from benchmarks.console import world
from benchmarks.console.filling import Size
from benchmarks.console.served import Served
from benchmarks.speed import load, requests
from benchmarks.speed.processes import busy, own, pause

FASTEST = 12_000  # events a second that are prepared: each comes once
WARM_UP = 3  # seconds
VIEWERS = 3  # of /now; one more looks at an operation
PATIENCE = 30.0  # seconds


class Turn(NamedTuple):
    """Of some seconds: events taken a second, microseconds of relay's CPU for one, parts of pages that came, and how
    many cores others took."""

    rate: float
    app_us: float
    parts: int
    others: float


class Viewer:
    """A page that is kept up to date. `parts` of it have come."""

    def __init__(self, served: Served, path: str) -> None:
        self.parts = 0
        self._connection = http.client.HTTPConnection("127.0.0.1", served.admin, timeout=PATIENCE)
        self._connection.request("GET", f"/console/live{path}", headers={"Cookie": served.cookie})
        self._answer = self._connection.getresponse()
        if self._answer.status != 200:
            raise RuntimeError(f"{path}: {self._answer.status}")
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def close(self) -> None:
        with suppress(OSError, AttributeError):
            self._connection.sock.shutdown(2)
        self._thread.join(PATIENCE)
        self._connection.close()

    def _follow(self) -> None:
        with suppress(OSError, ValueError, AttributeError, http.client.HTTPException):
            while line := self._answer.readline():
                self.parts += line in (b"\r\n", b"\n")


@contextmanager
def watching(served: Served, size: Size) -> Iterator[list[Viewer]]:
    """`VIEWERS` look at /now, and one at an operation that goes on."""
    running, _ = size.going()
    paths = ["/now"] * VIEWERS + [f"/operation?id={world.subject(running[0])}"]
    viewers = [Viewer(served, path) for path in paths]
    try:
        yield viewers
    finally:
        for viewer in viewers:
            viewer.close()


def at_rest(served: Served, size: Size, seconds: int) -> tuple[float, float]:
    """Percent of a core that relay takes while no event comes: with nobody who looks, and with open pages."""

    def share() -> float:
        before = served.relay.usage()
        pause(seconds)
        return served.relay.usage().since(before).app_cpu / seconds * 100

    share()  # what a start leaves to do
    alone = share()
    with watching(served, size):
        return alone, share()


def turns(served: Served, size: Size, directory: Path, rounds: int, seconds: int) -> list[tuple[Turn, Turn]]:
    """Of each round the turn in which nobody looks, and that in which somebody does; they change places each time."""
    events = requests.events()
    file = directory / "events.bin"
    _turn(served, _written(file, events, WARM_UP), WARM_UP, [])
    pairs = []
    for number in range(rounds):
        pair: dict[bool, Turn] = {}
        for looked_at in (False, True) if number % 2 == 0 else (True, False):
            _written(file, events, seconds)
            if looked_at:
                with watching(served, size) as viewers:
                    pair[True] = _turn(served, file, seconds, viewers)
            else:
                pair[False] = _turn(served, file, seconds, [])
        pairs.append((pair[False], pair[True]))
        print(f"  {number + 1}/{rounds}  {brief(pairs[-1])}", flush=True)
    return pairs


def ratios(pairs: Sequence[tuple[Turn, Turn]]) -> list[float]:
    """Of the events that were taken while somebody looked, to those while nobody did; by round."""
    return [looked_at.rate / alone.rate for alone, looked_at in pairs]


def lines(pairs: Sequence[tuple[Turn, Turn]], rest: tuple[float, float]) -> Iterator[str]:
    """For the report."""
    found = sorted(ratios(pairs))
    cpu = sorted(looked_at.app_us / alone.app_us for alone, looked_at in pairs)
    yield "\n# What open pages cost ingest\n"
    yield f"{VIEWERS} browsers on `/now` and one on `/operation`, in {len(pairs)} rounds of two turns. Events that were"
    yield f"taken with them, to those without: {_spread(found)}; relay's CPU for an event: {_spread(cpu)}.\n"
    yield f"While no event comes relay takes {rest[0]:.1f} % of a core without them, {rest[1]:.1f} % with them.\n"
    yield from (f"- {brief(pair)}" for pair in pairs)


def _spread(ratios: Sequence[float]) -> str:
    """Of ratios in their order: the median, with the lowest and the highest."""
    return f"{median(ratios):.3f} (median; {ratios[0]:.3f} to {ratios[-1]:.3f})"


def brief(pair: tuple[Turn, Turn]) -> str:
    alone, looked_at = pair
    return (
        f"nobody {alone.rate:,.0f} events/s, {alone.app_us:.1f} µs; somebody {looked_at.rate:,.0f}, "
        f"{looked_at.app_us:.1f} µs, {looked_at.parts} parts; "
        f"others {alone.others:.1f} and {looked_at.others:.1f} cores"
    )


def _written(file: Path, events: Iterator[tuple[str, bytes]], seconds: int) -> Path:
    count = FASTEST * seconds
    return requests.write(file, (requests.signed(*pair) for pair in islice(events, count)), count)


def _turn(served: Served, file: Path, seconds: int, viewers: list[Viewer]) -> Turn:
    before, busy_before, own_before = served.relay.usage(), busy(), own()
    seen = sum(viewer.parts for viewer in viewers)
    made = load.load(served.relay.url + requests.PATH, file, seconds)
    used = served.relay.usage().since(before)
    if made.refused or made.broken or made.ended or not made.requests:
        raise RuntimeError(f"{made.requests} taken, {made.refused} refused, {made.broken} broken, ended: {made.ended}")
    others = (busy() - busy_before - (own() - own_before) - used.app_cpu - used.redis_cpu) / made.seconds
    parts = sum(viewer.parts for viewer in viewers) - seen
    return Turn(made.rate, used.app_cpu / made.requests * 1e6, parts, others)
