"""relay explain OPERATION_ID: what happened to an operation, as a running relay remembers it."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from relay.cli.timeline_page import show
from relay.domain.runs import Alarm, Alarms
from relay.operating.folding import Repeated, fold
from relay.operating.sentences import sentence_of, watch_lines
from relay.operating.timeline import NOTED, facts_of
from relay.store.notes import Counted
from relay.store.timelines import Timeline
from tests.support.commands import ROOT, Done, relay, relay_on_terminal
from tests.support.events import body
from tests.support.redis_server import RedisServer
from tests.support.stage import CONFIG, Stage, stage
from tests.support.waiting import until

pytestmark = pytest.mark.slow

ANALYSIS = "op-ff0e8400-e29b-41d4-a716-446655440000"
NOON = 1_705_749_600_000  # ms since the epoch


@pytest.fixture
async def running_stage(redis_server: RedisServer) -> AsyncIterator[Stage]:
    async with stage(redis_server.url, STAGE_RETRY="50") as running:
        yield running


def event(name: str, percentage: float, tenant: str, **operation: Any) -> dict[str, Any]:
    return body(f"operation.{name}", percentage, **operation) | {"tenantId": tenant}


async def noted(running: Stage, *whats: str, subject: str = ANALYSIS) -> None:
    """Return once all of these have been noted of the operation."""

    async def there() -> bool:
        timeline = await running.around.admin.timeline(subject)
        return bool(timeline) and set(whats) <= {line[1] for line in timeline.log}

    await until(there)


async def explain(running: Stage, *arguments: str, subject: str = ANALYSIS, **env: str) -> Done:
    return await relay("explain", subject, "-c", CONFIG, *arguments, env={**running.around.env, **env})


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


async def test_the_facts_come_as_json(running_stage: Stage) -> None:
    await running_stage.post(event("progress", 41, "steps"))
    await running_stage.around.settled()
    await running_stage.post(event("progress", 42, "steps"))
    await running_stage.post(event("progress", 12, "steps"))

    facts = (await explain(running_stage, "--json")).facts

    assert (facts["subject"], facts["status"], facts["percentage"], facts["priority"]) == (
        ANALYSIS,
        "Running",
        42,
        "High",
    )
    told = [{key: line[key] for key in line if key not in {"at", "receipt"}} for line in facts["timeline"]]
    assert told == [
        {"what": "accepted", "event": "operation.progress", "status": "Running", "percentage": 41,
         "source": "async-operations"},
        {"what": "queued", "destination": "english", "address": "english@example.com"},
        {"what": "delivered", "destination": "english", "kind": "each", "attempt": 1},
        {"what": "accepted", "event": "operation.progress", "status": "Running", "percentage": 42,
         "source": "async-operations"},
        {"what": "held", "destination": "english", "reason": "increment"},
        {"what": "late", "event": "operation.progress", "percentage": 12},
    ]  # fmt: skip


async def test_what_holds_a_message_back_is_said_in_plain_words(running_stage: Stage) -> None:
    await running_stage.post(event("progress", 41, "steps"))
    await running_stage.post(event("progress", 42, "steps"))
    await running_stage.post(event("progress", 12, "steps"))
    await running_stage.post(event("started", 0, "nobody", operationId="op-unheard"))

    steps, unheard = await explain(running_stage), await explain(running_stage, subject="op-unheard")

    assert "→ english: held: it has not moved far enough since it was last told here" in steps.out
    assert "operation.progress, 12 % came late: something newer was known, so nobody is told" in steps.out
    assert "held: no rule matches, so nobody is told" in unheard.out


async def test_a_failed_attempt_is_told_with_its_error_and_the_next_try(running_stage: Stage) -> None:
    running_stage.around.inbox.answer("here@example.com", "451 4.3.0 The queue is full")
    running_stage.around.inbox.answer("gone@example.com", "550 5.1.1 No such user here")
    await running_stage.post(event("started", 0, "pair", status="Initiated"))
    await noted(running_stage, "failed", "dead")

    done = await explain(running_stage)

    assert re.search(r"→ pair: attempt 1 failed: .*451.*; next try at \d\d:\d\d:\d\d", done.out)
    assert re.search(r"→ pair: dead, refused for good: .*550", done.out)


async def test_an_operation_that_nobody_has_heard_of_is_refused_with_what_to_look_at(running_stage: Stage) -> None:
    done = await explain(running_stage, subject="op-nowhere")

    assert (done.status, done.out) == (1, "")
    assert done.err.startswith("op-nowhere is neither a file nor an operation that this relay has heard of.")


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


async def test_without_a_running_relay_it_says_so(running_stage: Stage, tmp_path: Path) -> None:
    done = await explain(running_stage, RELAY_REDIS_URL="", STAGE_DATA=str(tmp_path))

    assert done.status == 1
    assert "no relay is running on" in done.err
    assert "start `relay serve` first" in done.err


async def test_a_long_error_wraps_beside_its_time(running_stage: Stage) -> None:
    running_stage.around.inbox.answer("gone@example.com", "550 5.1.1 " + "no such mailbox " * 8)
    await running_stage.post(event("started", 0, "pair", status="Initiated"))
    await noted(running_stage, "dead")

    env = {**running_stage.around.env, "COLUMNS": "80", "NO_COLOR": "1"}
    done = await relay_on_terminal("explain", ANALYSIS, "-c", CONFIG, env=env)

    lines = done.out.split("\n\n", 1)[1].splitlines()[1:]
    assert max(map(len, lines)) <= 80
    assert all(re.match(r"\d\d:\d\d:\d\d\.\d{3}  \S| {14}\S", line) for line in lines)


@pytest.mark.parametrize(
    ("noted", "sentence"),
    [
        (["superseded", "team", "newer state"], "not sent: a newer state is told instead"),
        (["superseded", "team", "the run is over"], "not sent: the run is over, so its progress is not told any more"),
        (["lease lapsed", "team", "outcome unknown"],
         "its worker died or was cut off while it was sending; it may have arrived"),
        (["delivered", "team", "live", 2, "https://acme.slack.com/archives/C1/p1"],
         "the live message is up to date, attempt 2: https://acme.slack.com/archives/C1/p1"),
        (["dead", "team", "retries_exhausted", "Slack answered 500"], "dead, every attempt failed: Slack answered 500"),
        (["replayed", "team"], "replayed: queued again with fresh attempts"),
        (["dropped", "team"], "dropped: the dead letter is forgotten"),
        (["repair", "team"],
         "a worker that had lost touch may have shown an old state; the present one is shown again"),
        (["noted by a newer relay", "team", 3], "noted by a newer relay, team, 3"),
    ],
)  # fmt: skip
def test_every_note_has_its_sentence(noted: list[Any], sentence: str) -> None:
    facts = facts_of(Timeline("op-1", {}, [[NOON, *noted]]))

    assert sentence_of(facts["timeline"][0]) == sentence
