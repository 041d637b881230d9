"""Jobs, runs that go on, silences and digests; and pages over many streams."""

from random import Random

import pytest

from relay.domain.deliveries import Digest, Target, Window
from relay.domain.facts import Space
from relay.engine.draft import Draft
from relay.engine.ledger import HISTORY, KEPT
from relay.engine.records import silenced
from relay.policy.silences import Silence
from relay.store.queries.admin import Admin
from relay.store.queries.bundles import Bundles
from relay.store.queries.jobs import Jobs
from relay.store.queries.operations import Counts, Operations
from relay.store.queries.paging import Position, lines, take
from relay.store.queries.runs import ReconciliationState, Runs, SilentRun
from relay.store.queries.silences import SilenceList
from tests.engine.desk import Desk, every
from tests.support import events
from tests.support.memory import Memory
from tests.support.memory_reader import MemoryReader
from tests.support.targets import mail

LETTERS = "abcde"  # of names of jobs, which numbers do not tell apart
OURS = Space("", "tenant-1", "project-1")


def silence(number: int, now: float, seconds: float = 60.0) -> Silence:
    return Silence(f"s-{number}", "ann", "maintenance", now, now + seconds, now, destinations=("room",))


class TestJobs:
    async def test_pages_are_of_those_that_ended_last(self, desk: Desk) -> None:
        for number in range(5):
            await desk.report(events.completed(operationId=f"op-{number}", operationName=f"job {LETTERS[number]}"))
        jobs = Jobs(desk)

        rows = await every(jobs.page, limit=2)

        assert [row.job.name for row in rows] == ["job e", "job d", "job c", "job b", "job a"]
        assert rows[0].ended == desk.clock() - 1
        with pytest.raises(ValueError, match="cursor"):
            await jobs.page(cursor="x")

    async def test_ends_are_those_of_its_runs(self, desk: Desk) -> None:
        for name, event in (("op-1", events.failed), ("op-2", events.completed)):
            await desk.report(event(operationId=name, operationName="load"))
        jobs, now = Jobs(desk), events.completed(operationId="op-3", operationName="load")
        job = await jobs.of(now)
        assert job

        ends, none = await jobs.ends_of_each([job, job._replace(name="other")])

        assert ([end.status for end in ends], none) == (["Failed", "Completed"], ())
        assert (await jobs.compared(now, job)).past == ends
        assert await jobs.named(["unknown"]) == {}

    async def test_each_is_given_once_to_whoever_goes_on(self, desk: Desk) -> None:
        for number in range(3):
            await desk.report(events.completed(operationId=f"op-{number}", operationName=f"job {LETTERS[number]}"))
        jobs = Jobs(desk)

        first, last, whole = await jobs.ended_since(0, 2)
        second, last, still = await jobs.ended_since(last, 2)

        assert ([job.name for job in first], whole) == (["job a", "job b"], False)
        assert ([job.name for job in second], still) == (["job b", "job c"], False)
        assert (await jobs.ended_since(last, 2))[-1]


class TestRuns:
    async def test_those_that_go_on_are_shown_the_newest_first(self, desk: Desk) -> None:
        await desk.report(*(events.progress(number, operationId=f"op-{number}") for number in range(1, 4)))
        await desk.report(events.completed(operationId="op-2"))

        rows = await Operations(desk).running(5)
        assert [(row.operation.subject, row.operation.percentage) for row in rows] == [("op-3", 3), ("op-1", 1)]
        assert await Operations(desk).counts() == Counts(2, 0)
        [(job, starts)] = (await Runs(desk).begun()).items()
        assert (job.type, len(starts)) == ("ProcessMiningAnalysis", 2)

    async def test_the_clockwork_is_seen(self, desk: Desk) -> None:
        runs = Runs(desk)
        assert await runs.last_tick() is None

        heartbeat = await runs.tick(60.0)
        await runs.report_tick("digests", "StoreUnavailable: away")

        assert (heartbeat.now, heartbeat.grace_until) == (desk.clock(), desk.clock() + 60)
        assert await runs.last_tick() == desk.clock()
        assert await runs.failed_ticks() == {"digests": (int(desk.clock()), "StoreUnavailable: away")}

    async def test_the_watchdog_looks_at_those_that_are_due(self, desk: Desk) -> None:
        await desk.report(events.progress(10, operationId="op-1"))
        desk.clock.advance(86_400)
        runs = Runs(desk)

        page = await runs.due(10)
        await runs.check_again_at([(due, desk.clock() + 60) for due in page.runs])

        assert ([due.run.subject for due in page.runs], page.more, page.now) == (["op-1"], False, desk.clock())
        assert (await runs.due(10)).runs == []
        assert [event.percentage for event in await runs.history(page.runs[0].operation)] == [10]

    async def test_a_batch_is_heard_of_by_its_members(self, desk: Desk) -> None:
        batch = events.event_of({
            "event": "batch.started", "tenantId": "tenant-1", "projectId": "project-1",
            "batch": {"batchId": "b", "status": "Running", "operations": [
                {"operationId": "op-1", "status": "Running"}, {"operationId": "op-2", "status": "Completed"},
            ]},
        })  # fmt: skip
        runs, now = Runs(desk), desk.clock() + 60
        await desk.report(batch, events.progress(10, operationId="op-1"))

        assert await runs.members_heard([batch], now) == desk.clock() - 1
        await desk.report(events.completed(operationId="op-1"))
        assert await runs.members_heard([batch], now) == now
        assert await runs.members_heard([], now) == 0.0

    async def test_silent_ones_are_asked_about_the_longest_silent_first(self, desk: Desk) -> None:
        await desk.report(*(events.progress(40, operationId=f"op-{number}") for number in range(3)))
        await desk.report(events.completed(operationId="op-1"))
        state = ReconciliationState(desk)

        assert [run.operation for run in await state.unheard(1, 1, OURS)] == ["op-0"]
        assert [run.operation for run in await state.unheard(1, 5, OURS)] == ["op-2", "op-0"]  # asked about before
        assert await state.unheard(1, 5, Space("", "another", "")) == []
        assert await state.unknown(["op-9", "op-1"], OURS) == ["op-9"]
        assert (await state.turn(60), await state.turn(60)) == (0.0, None)

    async def test_one_that_was_begun_again_is_asked_about_by_its_new_id(self, desk: Desk) -> None:
        again = events.progress(10, operationId="op-2", originalOperationId="op-1", retryNumber=1)
        await desk.report(events.failed(operationId="op-1"), again)
        state = ReconciliationState(desk)

        assert await state.unheard(2, 5, OURS) == []
        assert await state.unheard(1, 5, OURS) == [SilentRun("op-2", 10, again.phase_name)]
        assert await state.unknown(["op-3", "op-1", "op-2", "op-4"], OURS) == ["op-3", "op-4"]


class TestSilences:
    async def test_one_that_is_over_is_remembered(self, desk: Desk) -> None:
        silences, now = SilenceList(desk), desk.clock()
        await silences.add(silence(1, now))
        assert [one.id for one in await silences.lasting()] == ["s-1"]
        desk.clock.advance(10)

        assert await silences.expire("s-1")
        assert not await silences.expire("s-1")

        assert await silences.lasting() == []
        assert [(one.id, one.ends) for one in await silences.all()] == [("s-1", desk.clock())]
        assert await silences.held(["s-1"]) == {"s-1": 0}
        assert silenced("s-1") not in desk.memory.indexes
        desk.clock.advance(31 * 86_400)
        await silences.add(silence(2, desk.clock()))
        assert [one.id for one in await silences.all()] == ["s-2"]  # after thirty days no more


class TestDigests:
    async def test_one_is_previewed_as_it_would_be_now(self, desk: Desk) -> None:
        window = Window(desk.clock(), desk.clock() + 86_400)
        target: Target = mail(how=Digest(zone="Europe/Berlin", windows=(window,)))
        bundles = Bundles(desk)
        assert (await bundles.preview(target, window)).document["totals"]["total"] == 0

        assert await bundles.schedule(target, window)
        await desk.accept(events.failed(operationId="op-1"), target)

        preview = await bundles.preview(target, window)
        assert (preview.document["zone"], preview.document["totals"]["failed"]) == ("Europe/Berlin", 1)
        assert await bundles.size(target, window) == 1
        assert await bundles.send_now(target, window)
        assert await bundles.size(target, window) == 0


async def test_addresses_of_the_newest_configuration(desk: Desk) -> None:
    admin = Admin(desk)
    await admin.announce({"analysts": {"email": ["new@example.com"]}})
    await desk.accept(events.completed(), mail(channel="slack", address="#old"))
    await desk.take()

    assert await admin.present("analysts", "email") == "new@example.com"
    assert await admin.present("analysts", "slack") == ""
    assert await admin.removed(desk.clock()) == [("analysts", "#old")]
    assert await admin.removed(desk.clock() + 600) == []


@pytest.mark.parametrize("seed", range(20))
async def test_pages_over_many_streams_leave_nothing_out_and_give_nothing_twice(seed: int) -> None:
    pick, memory, now = Random(seed), Memory(), 1000
    for number in range(pick.randrange(60)):
        d = Draft(memory, now)
        d.append(f"history:{pick.choice('abc')}", b"%d" % number, most=HISTORY, kept=KEPT, stream=True)
        memory.apply(d.changes, now)
        now += pick.randrange(3)
    reader = MemoryReader(memory, lambda: now)
    found, behind = list[tuple[int, bytes]](), None
    while True:
        step = pick.randrange(1, 8)
        rows = await take(lines(reader.lines, "history:", ["c", "a", "b"], step, behind=behind), step)
        found += [(row.position.ms, row.content) for row in rows]
        if not rows:
            break
        behind = Position.load(rows[-1].position.dump())

    assert len({content for _, content in found}) == len(found) == sum(map(len, memory.streams.values()))
    assert [ms for ms, _ in found] == sorted((ms for ms, _ in found), reverse=True)
