"""What the benchmark of the console fills in, what it asks, and what it makes of its figures."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.console import __main__ as command
from benchmarks.console import ingest, playing, report, world
from benchmarks.console.asking import Times, best
from benchmarks.console.copying import Copier
from benchmarks.console.filling import SMALL, Size, fill
from benchmarks.console.ingest import Turn
from benchmarks.console.questions import questions
from relay.console.site import VIEWS
from relay.store import Store, keys
from relay.store.admin import Admin
from relay.store.dead_pages import DeadPages
from relay.store.history import History
from relay.store.operations import Operations
from relay.store.runs import Runs
from tests.support.clock import Clock
from tests.support.redis_server import RedisServer

UNTIL = 1_790_000_000.0
TIMES = Times("/now", "", p50=10, p99=150, longest=180, pair_p99=190, held=5, held_p99=9, cpu=8, bytes=20_000, first=40)


@asynccontextmanager
async def opened(server: RedisServer, clock: Clock) -> AsyncIterator[Store]:
    store = Store.open(server.url, worker="test", clock=clock)
    try:
        await store.prepare()
        yield store
    finally:
        await store.aclose()


@pytest.mark.slow
async def test_all_is_there_that_its_size_says() -> None:
    with RedisServer() as server:
        await fill(server.url, SMALL, UNTIL)
        async with opened(server, Clock(UNTIL)) as store:
            ledger = await Admin(store).ledger()
            assert ledger.imbalance == 0
            assert ledger.counts["delivered"] + ledger.counts["dead"] == SMALL.deliveries
            assert ledger.counts["pending"] == SMALL.running + SMALL.waiting
            page = await Operations(store).page(most=200)
            assert len(page.rows) == SMALL.ended + SMALL.running + SMALL.waiting
            assert len({row.subject for row in page.rows}) == len(page.rows)
            assert sum(not row.over for row in page.rows) == SMALL.running
            assert await DeadPages(store).count() == 10 * SMALL.dying
            assert await Admin(store).quarantine_size() == SMALL.quarantined
            rows = await History(store).of_operation(world.subject(0, SMALL.copies - 1))
            assert {row.name for row in rows} == {f"{world.job_title(0)} {world.mark(0, SMALL.copies - 1)}"}


@pytest.mark.slow
async def test_a_copy_is_what_relay_would_have_written_of_it() -> None:
    with RedisServer() as server, RedisServer() as other:
        async with opened(server, clock := Clock()) as store, opened(other, earlier := Clock()) as by_relay:
            await told(store, clock, UNTIL, copy=0)
            await Copier(store.redis, [0], 2, 2000.0).copy()  # one copy, of a second before
            await told(by_relay, earlier, UNTIL - 1, copy=1)

            copy, written = [await kept(some, world.subject(0, 1)) for some in (store, by_relay)]
            assert copy == written
            assert [row.at for row in await History(store).of_operation(world.subject(0, 1))] == [
                row.at for row in await History(by_relay).of_operation(world.subject(0, 1))
            ]


async def told(store: Store, clock: Clock, until: float, *, copy: int) -> None:
    """One operation, and what is left of it three days later."""
    await playing.play(store, clock, [0], frozenset(), until, copy=copy)
    while await Runs(store).trim(10):
        pass


async def kept(store: Store, subject: str) -> tuple[Any, Any]:
    """Its record and its log, which has its lines of one moment in any order."""
    name = keys.operation(subject)
    record = await store.redis.hgetall(f"{keys.PREFIX}operation:{name}")
    return record, sorted(await store.redis.lrange(f"{keys.PREFIX}log:{name}", 0, -1))


def test_every_page_is_asked_something() -> None:
    rows = [{"id": "aa", "copied": "aa", "destination": "team-05", "at": "2026-11-28T00:00:00+00:00",
             "platform": "", "tenant": "", "project": "", "type": "", "name": ""}]  # fmt: skip

    asked = questions(lambda _path: {"rows": rows, "cursor": ""}, Size())

    assert {question.view for question in asked} == {view.path for view in VIEWS}
    assert len({(question.view, question.text) for question in asked}) == len(asked)


def test_of_several_rounds_the_calmest_counts() -> None:
    assert best([replace(TIMES, p99=300), TIMES, replace(TIMES, p99=151)]) == TIMES


def test_what_is_slow_is_named(tmp_path: Path) -> None:
    slow = replace(TIMES, view="/operations", text="failed", pair_p99=201)
    figures = report.Report([TIMES, slow], [(Turn(100, 50, 0, 0.1), Turn(99, 51, 4, 0.2))], (1.0, 2.0))

    page = report.write(tmp_path, {"machine": "small"}, figures).read_text()

    assert "Over 200 ms: /operations failed." in page
    assert "0.990 (median; 0.990 to 0.990)" in page
    document = json.loads((tmp_path / report.DOCUMENT).read_text())
    assert [row["view"] for row in document["pages"]] == ["/now", "/operations"]
    assert document["ingest"][0][1]["parts"] == 4


def test_rounds_are_compared_each_with_itself() -> None:
    assert ingest.ratios([(Turn(100, 1, 0, 0), Turn(98, 1, 4, 0)), (Turn(50, 1, 0, 0), Turn(50, 1, 4, 0))]) == [0.98, 1]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_command_runs_to_its_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--small", "--requests", "1", "--rounds", "1", "--turns", "1", "--seconds", "1", "--into", str(tmp_path)]

    assert command.main([*options, "--only", "/now", "/jobs"]) == 0

    assert "| `/jobs` a page far back |" in capsys.readouterr().out
