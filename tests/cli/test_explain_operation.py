"""relay explain OPERATION_ID: what happened to an operation, as a running relay remembers it."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from relay.domain.jobs import Alarm, Alarms
from relay.engine.records import Operation
from relay.operating.sentences import sentence_of, watch_lines
from relay.operating.timeline import facts_of, fold
from relay.store.queries.timelines import Counted, Timeline
from tests.support.commands import Done
from tests.support.events import body
from tests.support.inprocess import relay_beside
from tests.support.redis_server import RedisServer
from tests.support.serving import change
from tests.support.stage import CONFIG, Stage, Surroundings, running, stage

pytestmark = pytest.mark.slow

ANALYSIS = "op-ff0e8400-e29b-41d4-a716-446655440000"
NOON = 1_705_749_600_000  # ms since the epoch


@pytest.fixture
async def running_stage(redis_server: RedisServer) -> AsyncIterator[Stage]:
    async with stage(redis_server.url, STAGE_RETRY="50") as running:
        yield running


def event(name: str, percentage: float, tenant: str, **operation: Any) -> dict[str, Any]:
    return body(f"operation.{name}", percentage, **operation) | {"tenantId": tenant}


async def explain(running: Stage, *arguments: str, subject: str = ANALYSIS) -> Done:
    done = await relay_beside("explain", subject, "-c", CONFIG, *arguments, env=running.around.env)
    return Done(done.exit_code, done.stdout, done.stderr)


async def test_a_run_is_told_from_its_arrival_to_the_permalink_and_the_mail_servers_answer(
    running_stage: Stage,
) -> None:
    await running_stage.post(event("started", 0, "both", status="Initiated"))
    await running_stage.around.settled()

    done = await explain(running_stage)

    assert done.status == 0
    assert done.out.startswith("Comprehensive Customer Journey Analysis\n")
    assert f"{ANALYSIS}, ProcessMiningAnalysis, High, Initiated, tenant both, project project-1" in done.out
    assert re.search(
        r"^\d\d:\d\d:\d\d\.\d{3}  operation\.started, Initiated, 0 %, from async-operations", done.out, re.M
    )
    assert "→ room: queued for #room" in done.out
    assert re.search(r"→ room: told, attempt 1: http://127\.0\.0\.1:\d+/archives/C\w+/p\d+", done.out)
    assert "→ english: told, attempt 1: 250 2.0.0 OK queued as 1" in done.out
    assert done.err == ""


async def test_a_first_message_that_waits_names_its_setting(around: Surroundings, config: Path) -> None:
    change(config, "post_after: 0s", "post_after: 10m")
    async with running(around, config) as relay:
        await Stage(around, relay).post(event("started", 0, "live", status="Initiated"))
        explained, status = [await relay_beside(*command, "-c", config, env=around.env)
                             for command in (("explain", ANALYSIS), ("status",))]  # fmt: skip

    assert "team: waiting, live.post_after: the first message waits 10m" in " ".join(explained.output.split())
    assert "first messages wait for live.post_after" in " ".join(status.output.split())


async def test_an_id_may_be_shortened_and_similar_ones_are_named(running_stage: Stage) -> None:
    for operation in (ANALYSIS, "op-ff1"):
        await running_stage.post(event("started", 0, "nobody", status="Initiated", operationId=operation))

    short, several, slip = [await explain(running_stage, subject=text) for text in ("op-ff0", "op-ff", "op-ff9")]

    assert (short.status, ANALYSIS in short.out) == (0, True)
    assert (several.status, slip.status) == (1, 1)
    assert several.err.startswith("relay knows no operation op-ff; similar ids:\n")
    assert {*several.err.split()[-2:]} == {ANALYSIS, "op-ff1"}
    assert "similar ids:\n  op-ff1" in slip.err


async def test_an_id_that_two_tenants_use_is_answered_with_what_says_which(running_stage: Stage) -> None:
    for tenant in ("mail", "steps"):
        await running_stage.post(event("started", 0, tenant, status="Initiated"))

    unsaid, chosen = await explain(running_stage), await explain(running_stage, "--tenant", "steps")

    assert (unsaid.status, unsaid.out) == (1, "")
    assert unsaid.err.splitlines() == [
        f"2 operations or batches have the id {ANALYSIS}; say which:",
        "  --tenant mail --project project-1",
        "  --tenant steps --project project-1",
    ]
    assert chosen.status == 0
    assert "tenant steps, project project-1" in chosen.out


@pytest.mark.parametrize(
    ("noted", "sentence"),
    [
        (["superseded", "team", "newer state"], "not sent: a newer state is told instead"),
        (["lease lapsed", "team", "outcome unknown"],
         "its process died or was cut off while it was sending; it may have arrived"),
        (["delivered", "team", "live", 2, "https://acme.slack.com/archives/C1/p1"],
         "the live message is up to date, attempt 2: https://acme.slack.com/archives/C1/p1"),
        (["dead", "team", "retries_exhausted", "Slack answered 500"], "dead, every attempt failed: Slack answered 500"),
        (["noted by a newer relay", "team", 3], "noted by a newer relay, team, 3"),
    ],
)  # fmt: skip
def test_every_note_has_its_sentence(noted: list[Any], sentence: str) -> None:
    facts = facts_of(Timeline("op-1", Operation("op-1"), [[NOON, *noted]]))

    assert sentence_of(facts["timeline"][0]) == sentence


def test_what_the_watchdog_found_is_told() -> None:
    alarms = Alarms({"silent": Alarm(NOON / 1000, NOON / 1000 - 900, reminders=2)}, episode=1)
    kept = Operation("op-1", heard=NOON - 900_000, estimate=NOON, estimate_moves=3, alarms=alarms.dump())

    watched = facts_of(Timeline("op-1", kept, []))["watchdog"]

    assert (watched["last_sign_of_life_at"], watched["estimate_moved"]) == ("2024-01-20T11:05:00.000Z", 3)
    (said,) = watch_lines(watched, "Europe/Berlin")
    assert said == "silent since 2024-01-20 12:05:00 CET, told 2024-01-20 12:20:00 CET, and 2 times again"
    assert facts_of(Timeline("batch-1", Operation("batch-1"), []))["watchdog"] is None


@pytest.mark.parametrize("tenant", ["live", "steps"])
async def test_a_run_of_a_hundred_reports_fits_a_screen(running_stage: Stage, tenant: str) -> None:
    await running_stage.post(event("started", 0, tenant, status="Initiated"))
    for percentage in range(1, 101):
        await running_stage.post(event("progress", percentage, tenant))
    await running_stage.post(event("completed", 100, tenant, status="Completed"))
    await running_stage.around.settled()

    short, every = await explain(running_stage), await explain(running_stage, "--all")
    facts = (await explain(running_stage, "--json")).facts

    assert len(short.out.splitlines()) <= 24
    assert re.search(r"\d+ × operation\.progress, Running, \d+ % … 99 %, from async-operations, until \d\d:\d\d:\d\d",
                     short.out)  # fmt: skip
    assert re.search(r"^\d{4}-\d\d-\d\d CES?T$", short.out, re.M)
    assert re.search(r"operation\.progress, Running, 100 %,", short.out)
    assert "operation.completed, Completed, 100 %" in short.out
    assert short.out.endswith("What repeats is counted; --all shows each line that is kept.\n")
    accepted = [line for line in facts["timeline"] if line["what"] == "accepted"]
    assert every.out.count(", from async-operations") == len(accepted)
    whole = tenant == "steps"  # of a run that is told line by line the store keeps the newest lines alone
    assert [("What came before is not kept." in told.out) for told in (short, every)] == [not whole] * 2
    assert (sum(line.get("count", 1) for line in accepted) == 102) is whole


def lines(*whats: tuple[str, float]) -> list[dict[str, Any]]:
    return [{"at": f"2024-01-20T11:40:{second:02}.000Z", "what": what, "destination": "team", "percentage": percentage}
            for second, (what, percentage) in enumerate(whats)]  # fmt: skip


def test_what_is_unusual_stands_alone_where_it_was() -> None:
    shown = fold(lines(*[("delivered", 1)] * 3, ("failed", 1), *[("delivered", 1)] * 3, *[("failed", 1)] * 4))

    assert [line.get("count", line["what"]) for line in shown] == [5, "failed", "delivered", *["failed"] * 4]


COUNT = {"count": 4, "until": "2024-01-20T11:21:30.000Z"}


def test_what_the_store_counts_is_told_with_how_many_until_when_and_which_percentages() -> None:
    counted = Counted(4, NOON + 90_000, 41)
    log = [
        [NOON, "accepted", "operation.progress", "Running", 44, "ops", counted],
        [NOON, "held", "team", "increment", counted],
        [NOON, "held", "boss", "not_allowed", "boss@example.com", counted],
        [NOON, "late", "operation.progress", "", Counted(2, NOON, None)],
    ]

    accepted, *held, late = facts_of(Timeline("op-1", Operation("op-1"), log))["timeline"]

    assert accepted == {
        "at": "2024-01-20T11:20:00.000Z", "what": "accepted", "event": "operation.progress", "status": "Running",
        "percentage": 44, "source": "ops", **COUNT, "lowest_percentage": 41,
    }  # fmt: skip
    assert [{name: line[name] for name in COUNT} for line in held] == [COUNT] * 2
    assert (held[1]["reason"], held[1]["address"]) == ("not_allowed", "boss@example.com")
    assert sentence_of(accepted) == "operation.progress, Running, 41 % … 44 %, from ops"
    assert (late["count"], late["percentage"]) == (2, None)
