"""Messages are compared with the earlier runs of their job; the store is seldom asked for them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from relay.delivering.enrichment import ENDED_FOR, RUNNING_FOR, JobHistory
from relay.delivering.worker import Worker
from relay.domain.deliveries import Delivery
from relay.domain.digest_entries import summarize
from relay.domain.digests import build_digest
from relay.domain.events import Event, Outcome
from relay.domain.jobs import Job
from relay.errors import StoreUnavailable
from relay.rendering import IsolatedRenderer
from relay.rendering.digests import digest
from relay.rendering.links import Base
from relay.rendering.translations import Catalogues
from relay.store import Store
from relay.store.queries.jobs import Jobs
from tests.support.clock import Clock
from tests.support.events import body, event_of
from tests.support.queue import accept, claim_one
from tests.support.targets import room, team
from tests.support.workers import Bench

TEMPLATES = Path(__file__).parents[2] / "templates"
TEXT = "{{ job.ends }} {{ job.streak }} {{ job.runs_since_failure }} {{ job.recovered_after }} {{ job.same_error }}"
ERROR = {"code": "SAP", "message": "No answer for 300 s"}


def run(number: int, status: str = "Completed", at: str = "", took: str = "", **operation: Any) -> Event:
    """The outcome of a run of one job, one a day."""
    name = {"Completed": "operation.completed", "Running": "operation.progress"}.get(status, "operation.failed")
    stated = {"operationId": f"run-{number}", "operationName": f"Sales {number}", "status": status}
    more = {"error": ERROR} if name == "operation.failed" else {"results": {"totalDuration": took}} if took else {}
    document = body(name, 50, **(stated | operation)) | more
    return event_of(document | {"timestamp": at or f"2024-01-{number + 1:02}T12:00:00Z"})


class Counted:
    """The store's history, with a note of how often it is asked."""

    questions = 0

    def __init__(self, store: Store) -> None:
        self._jobs = Jobs(store)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._jobs, name)

    async def ends(self, job: Job) -> tuple[Outcome, ...]:
        self.questions += 1
        return await self._jobs.ends(job)


@pytest.fixture
def history(store: Store) -> Counted:
    return Counted(store)


@pytest.fixture
def past(history: Counted, clock: Clock) -> JobHistory:
    return JobHistory(history, clock=clock)


async def delivery_of(store: Store, event: Event) -> Delivery:
    await store.accept(event, [room()])
    return await claim_one(store)


async def test_a_delivery_gets_the_ends_before_its_own(store: Store, past: JobHistory) -> None:
    for number, status in enumerate(("Completed", "Failed", "Completed")):
        await store.accept(run(number, status), [])
    delivery = await delivery_of(store, run(3, "Failed"))

    complete = await past.complete(delivery)

    assert [end.status for end in complete.event.past] == ["Completed", "Failed", "Completed"]
    assert complete.history == (complete.event,)


async def test_a_later_attempt_says_the_same(bench: Bench, past: JobHistory) -> None:
    await bench.store.accept(run(0), [])
    delivery = await delivery_of(bench.store, run(1, "Failed"))
    first = await past.complete(delivery)
    for number in range(2, 5):
        await bench.store.accept(run(number), [])
    bench.clock.advance(RUNNING_FOR)

    assert await past.complete(delivery) == first


async def test_the_edits_of_a_run_ask_once_in_a_while_and_its_outcome_anew(
    bench: Bench, past: JobHistory, history: Counted
) -> None:
    await bench.store.accept(run(0), [])
    running = await delivery_of(bench.store, run(1, "Running"))
    ended = await delivery_of(bench.store, run(2))
    for _ in range(5):
        await past.complete(running)
        bench.clock.advance(RUNNING_FOR / 6)
    assert history.questions == 1

    await past.complete(ended)
    await past.complete(ended)
    assert history.questions == 2
    bench.clock.advance(ENDED_FOR)
    await past.complete(ended)
    assert history.questions == 3


async def digest_of(past: JobHistory, *events: Event) -> list[dict[str, Any]]:
    """The rows of a digest of these events, in its order, as templates see them."""
    last = max(event.occurred_at for event in events)
    entries = [summarize(event) for event in events]
    document = build_digest("digest", last.timestamp() - 86_400, last.timestamp(), entries)
    event = await past.of(Event("digest", "digest", "relay", last, last, document=document), ())
    told = digest(event, Catalogues([]).language("en"), Base())
    return [*told["attention"], *told["done"], *told["running"]]


async def test_rows_of_a_digest_say_what_is_usual_for_their_job(store: Store, past: JobHistory) -> None:
    for number in range(6):
        await store.accept(run(number, took="30 minutes"), [])
    usual, slow, other = (run(number, took=took) for number, took in
                          ((6, "31 minutes"), (7, "70 minutes"), (8, "30 minutes")))  # fmt: skip

    [row] = await digest_of(past, usual)
    assert (row["usual"], row["unusual"]) == (1800, False)
    [row] = await digest_of(past, slow)
    assert (row["usual"], row["unusual"]) == (1800, True)
    [row] = await digest_of(past, usual, other)
    assert (row["runs"], row["usual"], row["unusual"]) == (2, 1800, False)
    [row] = await digest_of(past, usual, slow)
    assert (row["runs"], row["usual"], row["unusual"]) == (2, 1800, True)


@pytest.mark.parametrize(("number", "recovered"), [(1, 1), (3, 0)])
async def test_a_failure_is_over_by_a_success_after_it(
    store: Store, past: JobHistory, number: int, recovered: int
) -> None:
    for earlier, status in enumerate(("Completed", "Failed", "Completed")):
        await store.accept(run(earlier, status), [])
    failed = run(number, "Failed")  # the last one is newer than the answer
    last, entries = failed.occurred_at, [summarize(failed)]
    document = build_digest("digest", last.timestamp() - 86_400, last.timestamp(), entries)
    document["totals"].pop("recovered")  # as in a sample of one's own

    event = await past.of(Event("digest", "digest", "relay", last, last, document=document), ())

    told = digest(event, Catalogues([]).language("en"), Base())
    assert (told["all_attention"], told["all_recovered"]) == (1 - recovered, recovered)


async def test_without_an_answer_nothing_is_known(bench: Bench) -> None:
    class Away:
        async def ends(self, _job: Job) -> tuple[Outcome, ...]:
            raise StoreUnavailable("away")

    delivery = await delivery_of(bench.store, run(1))

    assert (await JobHistory(Away(), clock=bench.clock).complete(delivery)) is delivery


async def test_a_template_names_the_job_by_whatever_event_states_it(bench: Bench, history: Counted) -> None:
    naming = bench.config.model_copy(update={"job": "{parameters.dataset}"})
    await bench.store.accept(replace(run(0, operationName="Anything"), job="sales"), [])
    await bench.store.accept(run(1, "Running", parameters={"dataset": "sales"}), [])
    delivery = await delivery_of(bench.store, run(1, at="2024-01-20T12:00:00Z"))

    complete = await JobHistory(history, clock=bench.clock, config=lambda: naming).complete(delivery)

    assert len(complete.event.past) == 1


@pytest.fixture
def told(bench: Bench, tmp_path: Path) -> Callable[[Store], Worker]:
    """A worker whose messages are made in the sandbox, of a user's own template."""
    for name in ("operation.failed", "operation.timeout", "operation.completed"):
        file = tmp_path / "slack" / f"{name}.yaml"
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"text: '{TEXT}'\n", "utf-8")
    renderer = IsolatedRenderer([tmp_path, TEMPLATES])

    def build(store: Store) -> Worker:
        return bench.worker(store, renderer=renderer, job_history=JobHistory(Jobs(store), clock=bench.clock).complete)

    return build


async def test_of_two_processes_each_tells_what_the_other_took(
    bench: Bench, open_store: Callable[..., Store], told: Callable[[Store], Worker]
) -> None:
    one, other = open_store(), open_store()
    statuses = ("Completed", "Completed", "Failed", "Timeout", "Completed")
    for number, status in enumerate(statuses):
        taken, teller = (one, other) if number % 2 else (other, one)
        await taken.accept(run(number, status), [room()])
        await told(teller).run_once("slack")
        bench.clock.advance(60)

    assert [message.content["text"] for message in bench.wire.arrived] == [
        "0 0 0 0 0", "1 0 1 0 0", "2 1 2 0 0", "3 2 0 0 1", "4 0 0 2 0"
    ]  # fmt: skip


@pytest.fixture
def worker(bench: Bench) -> Worker:
    return bench.worker(job_history=JobHistory(Jobs(bench.store), clock=bench.clock).complete)


def lasted(number: int, minutes: int) -> Event:
    """A run that began so many minutes before noon."""
    return run(number, progress={"startTime": f"2024-01-{number + 1:02}T11:{60 - minutes:02}:00Z"}, priority="Normal")


@pytest.mark.parametrize(("minutes", "asked"), [(2, True), (40, False)])
async def test_the_reply_about_a_run_that_is_over_too_soon_says_so_to_its_thread_alone(
    bench: Bench, worker: Worker, minutes: int, asked: bool
) -> None:
    for number in range(10):
        await bench.store.accept(lasted(number, 50), [])
    for event in (run(11, "Running", at="2024-01-12T11:59:00Z"), lasted(11, minutes)):
        await accept(bench.store, event, to=team(new_limits=(), edit_limits=()))
        await worker.run_once("slack")
        await worker.run_once("slack")

    (reply,) = [message for message in bench.wire.arrived if message.kind == "reply"]
    assert not reply.broadcast
    assert ("please check" in reply.content["text"]) is asked
