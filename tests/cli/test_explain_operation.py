"""relay explain OPERATION_ID: what happened to an operation, as a running relay remembers it."""

import re
from pathlib import Path
from typing import Any

import pytest

from relay.domain.jobs import Alarm, Alarms
from relay.engine.records import Operation
from relay.operating.sentences import sentence_of, watch_lines
from relay.operating.timeline import facts_of, fold
from relay.store.queries.timelines import Counted, Timeline
from tests.cli.asking import Commands
from tests.cli.serving import change, started
from tests.support.events import body
from tests.support.stage import Stage, Surroundings, running

pytestmark = pytest.mark.slow

ANALYSIS = "op-ff0e8400-e29b-41d4-a716-446655440000"
NOON = 1_705_749_600_000  # ms since the epoch


def event(name: str, percentage: float, tenant: str, **operation: Any) -> dict[str, Any]:
    return body(f"operation.{name}", percentage, **operation) | {"tenantId": tenant}


async def test_a_run_is_told_from_its_arrival_to_the_permalink_and_the_mail_servers_answer(
    cli: Commands, running_stage: Stage
) -> None:
    await running_stage.post(started("both"))
    await cli.around.settled()

    done = await cli("explain", ANALYSIS)

    assert (done.exit_code, done.stderr) == (0, "")
    assert done.output.startswith("Comprehensive Customer Journey Analysis\n")
    for part in (
        f"{ANALYSIS}, ProcessMiningAnalysis, High, Initiated 0 %, tenant both, project project-1",
        "→ room: queued for #room", "→ english: told, attempt 1: 250 2.0.0 OK queued as 1",
    ):  # fmt: skip
        assert part in done.output
    for line in (
        r"^\d\d:\d\d:\d\d\.\d{3}  operation\.started, Initiated, 0 %, from async-operations",
        r"→ room: told, attempt 1: http://127\.0\.0\.1:\d+/archives/C\w+/p\d+",
    ):
        assert re.search(line, done.output, re.M)


async def test_a_first_message_that_waits_names_its_setting(around: Surroundings, config: Path) -> None:
    change(config, "post_after: 0s", "post_after: 10m")
    async with running(around, config) as relay:
        await Stage(around, relay).post(started("live"))
        cli = Commands(around, config)
        explained, status = await cli("explain", ANALYSIS), await cli("status")

    assert "team: waiting, live.post_after: the first message waits 10m" in " ".join(explained.output.split())
    assert "first messages wait for live.post_after" in " ".join(status.output.split())


async def test_an_id_may_be_shortened_and_is_asked_about_where_several_are_meant(
    cli: Commands, running_stage: Stage
) -> None:
    for tenant, operation in (("nobody", "op-ff1"), ("mail", ANALYSIS)):
        await running_stage.post(started(tenant, operationId=operation))

    short, several, slip = [await cli("explain", text) for text in ("op-ff0", "op-ff", "op-ff9")]
    await running_stage.post(started("steps"))
    unsaid, chosen = await cli("explain", ANALYSIS), await cli("explain", ANALYSIS, "--tenant", "steps")

    assert (short.exit_code, ANALYSIS in short.output) == (0, True)
    assert (several.exit_code, slip.exit_code) == (1, 1)
    assert several.stderr.startswith("relay knows no operation op-ff; similar ids:\n")
    assert {*several.stderr.split()[-2:]} == {ANALYSIS, "op-ff1"}
    assert "similar ids:\n  op-ff1" in slip.stderr
    assert (unsaid.exit_code, unsaid.stdout) == (1, "")
    assert unsaid.stderr.splitlines() == [
        f"2 operations or batches have the id {ANALYSIS}; say which:",
        "  --tenant mail --project project-1",
        "  --tenant steps --project project-1",
    ]
    assert (chosen.exit_code, "tenant steps, project project-1" in chosen.output) == (0, True)


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
    times = "2024-01-20 12:05:00 CET; alarm sent 2024-01-20 12:20:00 CET, reminded twice"
    assert [*watch_lines(watched, "Europe/Berlin")] == [f"silent since {times}"]
    assert [*watch_lines(watched, "Europe/Berlin", over=True)] == [f"was silent from {times}"]
    assert facts_of(Timeline("batch-1", Operation("batch-1"), []))["watchdog"] is None


@pytest.mark.parametrize("tenant", ["live", "steps"])
async def test_a_run_of_a_hundred_reports_fits_a_screen(cli: Commands, running_stage: Stage, tenant: str) -> None:
    await running_stage.post(started(tenant))
    for percentage in range(1, 101):
        await running_stage.post(event("progress", percentage, tenant))
    await running_stage.post(event("completed", 100, tenant, status="Completed"))
    await cli.around.settled()

    short, every = [(await cli("explain", ANALYSIS, *options)).output for options in ((), ("--all",))]
    facts = await cli.facts("explain", ANALYSIS)

    assert len(short.splitlines()) <= 24
    for line in (
        r"\d+ × operation\.progress, Running, \d+ % … 99 %, from async-operations, until \d\d:\d\d:\d\d",
        r"^\d{4}-\d\d-\d\d CES?T$", r"operation\.progress, Running, 100 %,", "operation.completed, Completed, 100 %",
    ):  # fmt: skip
        assert re.search(line, short, re.M)
    assert short.endswith("What repeats is counted; --all shows each line that is kept.\n")
    accepted = [line for line in facts["timeline"] if line["what"] == "accepted"]
    assert every.count(", from async-operations") == len(accepted)
    whole = tenant == "steps"  # of a run that is told line by line the store keeps the newest lines alone
    assert [("What came before is not kept." in told) for told in (short, every)] == [not whole] * 2
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
