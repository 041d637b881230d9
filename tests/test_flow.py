"""What a conversation in Slack sees of whole runs, on a clock of their own: how much, how soon, and who is called."""

import asyncio
import random
import re
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest

from relay.channels.slack.settings import NewMessageLimit
from relay.cli.timeline import NOTED, facts_of
from relay.cli.timeline_page import WHY, sentence_of
from relay.dev.standins.slack import Fault
from relay.domain.events import PRIORITIES
from relay.domain.parsing import parse
from relay.policy.recipients import DynamicDestinations
from relay.store import Store
from tests.support.clock import Clock
from tests.support.events import seed
from tests.support.flow import POST, UPDATE, Flow, flowing
from tests.support.matrix import CELLS

GROUP = "critical_failed: ['@data-team'], critical_timeout: ['@data-team'], critical_stalled: ['@data-team']"
AT_ONCE = "post_after: 0s, min_step: 0, min_interval: 0s, batch_interval: 0s"
OWNER, OWNER_ID = "analyst@example.com", "U0ANALYST1"
PHASES = ("Load", "Discovery", "Conformance", "Enhancement", "Report")
EVENT = {
    "Initiated": "operation.started", "Running": "operation.progress", "Completed": "operation.completed",
    "Failed": "operation.failed", "Timeout": "operation.failed", "Cancelled": "operation.cancelled",
    "Stalled": "operation.stalled",
}  # fmt: skip


@pytest.fixture
async def flow(open_store: Callable[..., Store], clock: Clock) -> AsyncIterator[Flow]:
    """With the manners that a destination has by default."""
    async with flowing(open_store, clock, mention=GROUP) as flow:
        yield flow


@pytest.fixture
async def brisk(open_store: Callable[..., Store], clock: Clock) -> AsyncIterator[Flow]:
    """Every state is shown as soon as Slack allows."""
    async with flowing(open_store, clock, live=AT_ONCE, mention=GROUP) as flow:
        yield flow


def told(event: str, percentage: float | None = None, *, phase: str = "", **operation: Any) -> dict[str, Any]:
    """An event of run `op-1`, or of another that `operationId` names."""
    document: dict[str, Any] = {"operationId": "op-1", "operationName": "Order-to-Cash", "priority": "Normal"}
    if percentage is not None:
        document["progress"] = {"percentage": percentage, "currentPhase": phase}
    return {"event": event, "operation": document | operation}


def ended(status: str, **operation: Any) -> dict[str, Any]:
    return told(EVENT[status], 100 if status == "Completed" else 60, status=status, **operation)


def batch(event: str, **more: Any) -> dict[str, Any]:
    """An event of the API's own batch; its id is `batch-1`."""
    document = seed("submit-batch.response") | {"batchId": "batch-1"} | more.pop("batch", {})
    return {"event": event, "batch": document} | more


def called(arguments: dict[str, Any]) -> list[str]:
    """Everything in a message that Slack would ring somebody for."""
    shown = f"{arguments.get('blocks')}"
    return [mark for mark in (f"<@{OWNER_ID}>", "<!subteam^S0DATATEAM>", "<!here>", "<!channel>") if mark in shown]


def attempt(blocks: list[dict[str, Any]]) -> int:
    """Which attempt a message says the run is; 1 if it does not say."""
    found = re.search(r"Attempt\W+(\d+)", str(blocks).replace("\\n", " "))
    return int(found[1]) if found else 1


async def run(flow: Flow, *, hours: float = 1.0) -> None:
    """360 events of one run: its start, its end, the ends of its phases, and progress every ten seconds."""
    steps = 360 - 2 - len(PHASES) + 1
    await flow.send(told("operation.started", 0, phase=PHASES[0], status="Initiated"))
    for number in range(1, steps + 1):
        await flow.wait(hours * 3600 / 360, step=2.0)
        share = number / (steps + 1)
        phase = PHASES[int(share * len(PHASES))]
        if phase != (before := PHASES[int((number - 1) / (steps + 1) * len(PHASES))]):
            finished = {"phase": {"phaseName": before, "status": "Completed"}}
            await flow.send(told("operation.phase.completed", round(100 * share, 1), phase=before) | finished)
        estimate = datetime.fromtimestamp(flow.clock() + 3600 * (1 - share) + number % 7, UTC).isoformat()
        progress = told("operation.progress", round(100 * share, 1), phase=phase, status="Running")
        progress["operation"]["progress"]["estimatedCompletion"] = estimate
        await flow.send(progress)
    await flow.send(ended("Completed"))
    await flow.wait(10)


# How much


async def test_a_run_of_360_events_is_one_message_at_most_25_edits_and_one_reply(flow: Flow) -> None:
    await run(flow)

    posts, edits = flow.calls(POST), flow.calls(UPDATE)
    assert (await flow.ledger()).counts["received"] == 360
    assert [bool(arguments.get("thread_ts")) for _, arguments in posts] == [False, True]
    assert 10 <= len(edits) <= 25
    assert all(arguments["blocks"] and arguments["parse"] == "none" for _, arguments in edits)
    assert {arguments["channel"] for _, arguments in edits} == {flow.messages()[0].channel}
    assert flow.messages()[0].channel.startswith("C")
    assert "Completed" in flow.messages()[0].text
    assert flow.slack.violations == []


@pytest.mark.parametrize("status", ["Completed", "Failed", "Timeout", "Cancelled"])
@pytest.mark.parametrize("seconds", [0, 30, 59])
async def test_a_run_shorter_than_the_hold_is_exactly_one_message(flow: Flow, status: str, seconds: int) -> None:
    await flow.send(told("operation.started", status="Initiated", priority="High"))
    await flow.wait(seconds)
    before = len(flow.messages())
    await flow.send(ended(status, priority="High", createdBy=OWNER))
    await flow.wait(300, step=20)

    assert before == 0
    assert len(flow.messages()) == 1
    assert flow.calls(UPDATE) == []


@pytest.mark.parametrize("status", ["Completed", "Failed", "Timeout", "Cancelled"])
async def test_what_comes_after_the_end_changes_nothing(brisk: Flow, status: str) -> None:
    await brisk.send(told("operation.progress", 40))
    await brisk.wait(5)
    await brisk.send(ended(status))
    await brisk.wait(5)
    calls = len(brisk.slack.calls)
    answer = await brisk.send(told("operation.progress", 80, status="Running"))
    await brisk.wait(120, step=20)

    assert answer.status == "late"
    assert len(brisk.slack.calls) == calls


async def test_an_estimate_that_moved_by_a_tenth_of_the_time_left_is_shown_and_a_flutter_is_not(flow: Flow) -> None:
    def expecting(percentage: float, seconds: float) -> dict[str, Any]:
        document = told("operation.progress", percentage, phase="Load")
        due = datetime.fromtimestamp(started + seconds, UTC).isoformat()
        document["operation"]["progress"]["estimatedCompletion"] = due
        return document

    started = flow.clock()
    await flow.send(expecting(10, 3600))
    await flow.wait(61)
    flutter = await flow.send(expecting(11, 3600 + 300))
    moved = await flow.send(expecting(12, 3600 + 400))
    await flow.wait(20)

    assert flutter.held == (("team", "increment"),)
    assert moved.deliveries == 1
    assert len(flow.calls(UPDATE)) == 1


# Never lost, never doubled


async def test_a_throttled_edit_of_the_rolling_message_holds_no_post(
    open_store: Callable[..., Store], clock: Clock
) -> None:
    async with flowing(open_store, clock, live=AT_ONCE) as flow:
        slack = flow.config.channels["slack"].model_copy(
            update={"new_message_limit": NewMessageLimit(count=1, per=600)}
        )
        flow.config = flow.config.model_copy(update={"channels": {"slack": slack}})
        for number in range(2):
            await flow.send(told("operation.progress", 10, operationId=f"op-{number}"))
            await flow.wait(5)
        flow.slack.script(UPDATE, Fault(status=429, headers={"Retry-After": "30"}))
        await flow.send(told("operation.progress", 10, operationId="op-2"))
        await flow.wait(20)
        await flow.send(ended("Failed", operationId="op-3", priority="Critical"))
        await flow.wait(5)

        assert [root.text.partition(":")[0] for root in flow.roots()] == ["Running", "1 more run", "Failed"]
        await flow.wait(40)
        assert flow.roots()[1].text.startswith("2 more runs")


async def test_a_rolling_message_that_every_run_has_left_says_so(
    open_store: Callable[..., Store], clock: Clock
) -> None:
    async with flowing(open_store, clock, live=AT_ONCE) as flow:
        slack = flow.config.channels["slack"].model_copy(
            update={"new_message_limit": NewMessageLimit(count=1, per=600)}
        )
        flow.config = flow.config.model_copy(update={"channels": {"slack": slack}})
        for number in range(2):
            await flow.send(told("operation.progress", 10, operationId=f"op-{number}"))
        await flow.wait(610, step=10)
        await flow.send(told("operation.progress", 20, operationId="op-1"))
        await flow.wait(20)

        rolling = next(root for root in flow.roots() if "more runs" in root.text)
        assert rolling.text == "No more runs: each has a message of its own by now"
        assert len(flow.roots()) == 3


async def test_a_live_message_that_the_operation_asked_for_is_kept_true_beside_the_message_of_a_rule(
    open_store: Callable[..., Store], clock: Clock
) -> None:
    async with flowing(open_store, clock, live=AT_ONCE) as flow:
        rule = flow.config.rules[1].model_copy(update={"events": ("operation.failed",)})
        dynamic = DynamicDestinations(slack=("#room",))
        flow.config = flow.config.model_copy(update={"rules": (rule,), "dynamic_destinations": dynamic})
        asked: dict[str, Any] = {"notifications": {"slack": {"channel": "#room"}}}
        await flow.send(told("operation.progress", 10, **asked))
        await flow.wait(90)
        await flow.send(ended("Failed", **asked))
        await flow.send(ended("Failed", operationId="op-2", **asked))
        await flow.wait(30)

        live, outcome, other = flow.messages("#room")
        assert [one.text.partition(":")[0] for one in (live, outcome, other)] == ["Failed"] * 3
        assert [one.thread_ts for one in (live, outcome, other)] == [""] * 3
        assert (await flow.held()) == {"told_beside": 1}


async def test_a_restart_in_the_middle_keeps_the_message(brisk: Flow) -> None:
    await brisk.send(told("operation.progress", 20))
    await brisk.wait(2)
    (root,) = brisk.roots()
    brisk.restart()
    await brisk.send(told("operation.progress", 60))
    await brisk.wait(2)
    brisk.restart()
    await brisk.send(ended("Completed"))
    await brisk.wait(5)

    assert [message.ts for message in brisk.roots()] == [root.ts]
    assert {arguments["ts"] for _, arguments in brisk.calls(UPDATE)} == {root.ts}
    assert [reply.thread_ts for reply in brisk.replies()] == [root.ts]


async def test_two_workers_make_one_message_of_each_run(brisk: Flow) -> None:
    brisk.start()
    for percentage in range(0, 100, 20):
        for number in range(5):
            await brisk.send(told("operation.progress", percentage, operationId=f"op-{number}"))
        await brisk.wait(4)
    for number in range(5):
        await brisk.send(ended("Completed", operationId=f"op-{number}"))
    await brisk.wait(15)

    assert (len(brisk.roots()), len(brisk.replies())) == (5, 5)
    assert {reply.thread_ts for reply in brisk.replies()} == {root.ts for root in brisk.roots()}


@pytest.mark.parametrize("code", ["message_not_found", "cant_update_message", "edit_window_closed"])
async def test_where_the_message_is_gone_a_new_one_tells_the_outcome_once(brisk: Flow, code: str) -> None:
    await brisk.send(told("operation.progress", 20, priority="Critical"))
    await brisk.wait(5)
    brisk.slack.script(UPDATE, Fault(error=code))
    await brisk.send(ended("Failed", priority="Critical"))
    await brisk.wait(60)

    _, anew = brisk.messages()
    assert "Failed" in anew.text
    assert [called(arguments) for _, arguments in brisk.calls(POST)] == [[], ["<!subteam^S0DATATEAM>"]]
    await brisk.send(told("operation.progress", 5, retryNumber=1))
    await brisk.wait(20)
    assert brisk.calls(UPDATE)[-1][1]["ts"] == anew.ts


async def test_a_throttled_edit_holds_all_edits_and_no_post_and_then_shows_the_newest(brisk: Flow) -> None:
    await brisk.send(told("operation.progress", 10))
    await brisk.wait(5)
    brisk.slack.script(UPDATE, Fault(status=429, headers={"Retry-After": "30"}))
    await brisk.send(told("operation.progress", 20))
    await brisk.deliver()
    throttled = brisk.clock()
    for percentage in (30, 40, 50):
        await brisk.send(told("operation.progress", percentage))
        await brisk.send({"event": "operation.audited", "operation": {"operationId": f"op-{percentage}"}})
        await brisk.wait(2)
    posted = len(brisk.messages("#room"))
    await brisk.wait(60)

    later = [(at, arguments) for at, arguments in brisk.calls(UPDATE) if at > throttled]
    assert posted == 3
    assert [at >= throttled + 30 for at, _ in later] == [True]
    assert "50" in str(later[0][1]["blocks"])
    assert brisk.slack.violations == []
    assert (await brisk.ledger()).counts["superseded"] >= 2


@pytest.mark.slow
async def test_sixty_runs_at_once_stay_within_the_budget_and_every_end_is_shown_within_five_seconds(
    flow: Flow,
) -> None:
    dice = random.Random(60)
    lasts = {f"op-{number}": dice.uniform(240, 840) for number in range(60)}
    begun, over = flow.clock(), {}
    for second in range(0, 900, 5):
        for name, length in lasts.items():
            if name in over or (second + int(name[3:])) % 15 >= 5:  # each tells its progress every 15 s
                continue
            if second >= length:
                over[name] = flow.clock()
                await flow.send(ended("Completed", operationId=name, operationName=f"Run {name}."))
            else:
                share = 100 * second / length
                event = told("operation.progress", share, operationId=name, operationName=f"Run {name}.")
                await flow.send(event)
        await flow.wait(5)
    await flow.wait(60)

    edits = flow.calls(UPDATE)
    at = [moment for moment, _ in edits]
    fullest = max(sum(1 for other in at if moment <= other < moment + 60) for moment in at)
    shown = {
        name: min(moment for moment, arguments in edits if arguments["text"].startswith(f"Completed: Run {name}."))
        for name in lasts
    }
    assert fullest <= 40
    assert sum(1 for moment in at if begun + 90 <= moment < begun + 240) >= 70  # and the budget really is used up
    assert max(shown[name] - over[name] for name in lasts) <= 5
    assert len(flow.roots()) == len(flow.replies()) == 60


# Who is called


@pytest.mark.parametrize(("status", "priority", "cell"), CELLS)
async def test_calls_are_in_new_messages_alone_and_as_many_as_the_matrix_says(
    brisk: Flow, status: str, priority: str, cell: str
) -> None:
    common = {"priority": priority, "createdBy": OWNER}
    await brisk.send(told("operation.started", status="Initiated", **common))
    await brisk.wait(5)
    begun = len(brisk.messages())
    if status != "Initiated":
        event = told(EVENT[status], 60, status=status, **common)
        await brisk.send(event, source="relay" if status == "Stalled" else "async-operations")
    await brisk.wait(30)

    posts = [arguments for _, arguments in brisk.calls(POST)]
    expected = {"o": [f"<@{OWNER_ID}>"], "g": ["<!subteam^S0DATATEAM>"]}.get(cell[-1], [])
    assert [mark for arguments in posts for mark in called(arguments)] == expected
    assert all(not called(arguments) for _, arguments in brisk.calls(UPDATE))
    assert begun == (0 if priority == "Low" else 1)
    assert len(brisk.roots()) == (0 if cell == "-" else 1)
    assert len(brisk.replies()) == (1 if cell[0] in "RB" else 0)
    assert [reply.broadcast for reply in brisk.replies()] == ([cell[0] == "B"] if cell[0] in "RB" else [])
    assert (await brisk.held()).get("low_priority", 0) == (2 if cell == "-" and status != "Initiated" else
                                                           1 if priority == "Low" else 0)  # fmt: skip


@pytest.mark.parametrize("stands", [True, False])
async def test_nobody_is_called_for_a_cancel_of_his_own(
    open_store: Callable[..., Store], clock: Clock, *, stands: bool
) -> None:
    mention = "cancelled: [owner, '@data-team']"
    async with flowing(open_store, clock, live=AT_ONCE, mention=mention) as flow:
        if stands:
            await flow.send(told("operation.progress", 40, priority="Critical"))
            await flow.wait(5)
        by = {"cancellation": {"cancelledBy": OWNER}}
        await flow.send(ended("Cancelled", priority="Critical", createdBy=OWNER) | by)
        await flow.wait(30)

        told_to = [mark for _, arguments in flow.calls(POST) for mark in called(arguments)]
        assert told_to == ["<!subteam^S0DATATEAM>"]
        assert not any("<@" in str(arguments["blocks"]) for _, arguments in flow.calls(POST))


async def test_an_outcome_that_is_the_first_message_calls_there_and_is_told_once(flow: Flow) -> None:
    await flow.send(ended("Failed", priority="Critical"))
    await flow.wait(120, step=10)

    ((_, arguments),) = flow.calls(POST)
    assert called(arguments) == ["<!subteam^S0DATATEAM>"]


async def test_a_low_priority_that_a_rule_names_is_told_like_any_other(
    open_store: Callable[..., Store], clock: Clock
) -> None:
    async with flowing(open_store, clock, live=AT_ONCE) as flow:
        rule = flow.config.rules[0].model_copy(update={"priorities": PRIORITIES})
        flow.config = flow.config.model_copy(update={"rules": (rule,)})
        await flow.send(told("operation.progress", 40, priority="Low"))
        await flow.wait(5)
        await flow.send(ended("Completed", priority="Low"))
        await flow.wait(10)

        assert (len(flow.roots()), len(flow.replies())) == (1, 1)


async def test_a_message_that_stands_stays_true_whatever_its_priority(brisk: Flow) -> None:
    await brisk.send(ended("Failed", priority="Low"))
    await brisk.wait(5)
    await brisk.send(told("operation.progress", 10, priority="Low", retryNumber=1))
    await brisk.wait(5)
    running = brisk.messages()[0].text
    await brisk.send(ended("Completed", priority="Low", retryNumber=1))
    await brisk.wait(5)

    assert "Running" in running
    (message,) = brisk.messages()
    assert "Completed" in message.text


# Retries under a new id


async def test_a_retry_under_a_new_id_continues_the_originals_thread(brisk: Flow) -> None:
    await brisk.send(told("operation.progress", 40))
    await brisk.wait(3)
    await brisk.send(ended("Failed"))
    await brisk.wait(3)
    await brisk.send(told("operation.started", operationId="op-2", originalOperationId="op-1", retryNumber=1))
    await brisk.wait(3)
    retried = attempt(brisk.messages()[0].blocks)
    await brisk.send({"event": "operation.progress", "operation": {"operationId": "op-2", "progress": 50}})  # thin
    await brisk.wait(3)
    await brisk.send(ended("Completed", operationId="op-2"))
    await brisk.wait(10)

    (root,) = brisk.roots()
    assert retried == 2
    assert "Completed" in root.text
    assert [reply.thread_ts for reply in brisk.replies()] == [root.ts, root.ts]


async def test_a_retry_of_a_retry_is_led_to_the_first(brisk: Flow) -> None:
    for name, original in (("op-1", ""), ("op-2", "op-1"), ("op-3", "op-2")):
        more = {"originalOperationId": original} if original else {}
        await brisk.send(told("operation.progress", 40, operationId=name, **more))
        await brisk.wait(5)
        await brisk.send(told("operation.failed", 40, operationId=name, status="Failed"))
        await brisk.wait(5)

    stories = [await brisk.admin.timeline(name) for name in ("op-1", "op-2", "op-3")]
    assert len(brisk.roots()) == 1
    assert len(brisk.replies()) == 3
    assert attempt(brisk.roots()[0].blocks) == 3
    assert stories[0] is not None
    assert stories[0] == stories[1] == stories[2]
    assert stories[0].facts["retry"] == "2"


async def test_the_same_percentage_of_a_retry_is_a_fact_of_its_own_and_the_old_run_is_late(brisk: Flow) -> None:
    await brisk.send(told("operation.progress", 40))
    await brisk.send(ended("Failed"))
    again = await brisk.send(told("operation.progress", 40, operationId="op-2", originalOperationId="op-1"))
    twice = await brisk.send(told("operation.progress", 40, operationId="op-2", originalOperationId="op-1"))
    old = await brisk.send(told("operation.progress", 70))

    assert [answer.status for answer in (again, twice, old)] == ["accepted", "duplicate", "late"]


async def test_a_retry_whose_original_nobody_knows_begins_the_thread(brisk: Flow) -> None:
    await brisk.send(told("operation.progress", 40, operationId="op-2", originalOperationId="op-1", retryNumber=1))
    await brisk.wait(5)
    await brisk.send(ended("Completed", operationId="op-2"))
    await brisk.wait(10)

    assert (len(brisk.roots()), len(brisk.replies())) == (1, 1)
    assert await brisk.admin.timeline("op-2") == await brisk.admin.timeline("op-1")


@pytest.mark.parametrize("together", [False, True])
async def test_a_retry_that_was_heard_of_before_it_named_its_original_keeps_its_own_message(
    brisk: Flow, *, together: bool
) -> None:
    thin = {"event": "operation.progress", "operation": {"operationId": "op-2", "progress": 5}}
    full = told("operation.progress", 6, operationId="op-2", originalOperationId="op-1", retryNumber=1)
    await brisk.send(ended("Failed"))
    await brisk.wait(5)
    if together:  # both look up whose run it is before either is accepted
        await asyncio.gather(brisk.send(thin), brisk.send(full))
    else:
        await brisk.send(thin)
        await brisk.send(full)
    await brisk.send(ended("Completed", operationId="op-2"))
    await brisk.wait(10)

    assert [root.text.partition(":")[0] for root in brisk.roots()] == ["Failed", "Completed"]
    assert (await brisk.ledger()).imbalance == 0
    assert await brisk.store.redis.zcard("{relay}:watch") == 0


async def test_a_thin_report_that_meets_the_one_that_names_the_original_follows_it(brisk: Flow) -> None:
    thin = {"event": "operation.progress", "operation": {"operationId": "op-2", "progress": 50}}
    full = told("operation.progress", 6, operationId="op-2", originalOperationId="op-1", retryNumber=1)
    await brisk.send(ended("Failed"))
    await brisk.wait(5)
    now = datetime.fromtimestamp(brisk.clock(), UTC)
    looked_up_before = parse(thin, source="async-operations", received_at=now)
    await brisk.send(full)
    answer = await brisk.store.accept(looked_up_before, [])
    await brisk.send(thin)
    await brisk.send(ended("Completed", operationId="op-2"))
    await brisk.wait(10)

    assert answer.status == "elsewhere"
    assert [root.text.partition(":")[0] for root in brisk.roots()] == ["Completed"]
    assert (await brisk.ledger()).counts["received"] == 4


# Batches


def of_batch(status: str, number: int, **more: Any) -> dict[str, Any]:
    """What the batch tells of one of its operations that is over."""
    operation = {"operationId": f"op-{number}", "operationName": f"Member {number}", "status": status, **more}
    return batch("batch.operation.completed", operation=operation)


async def test_a_batch_is_one_message_with_its_failures_in_the_thread(brisk: Flow) -> None:
    await brisk.send(batch("batch.started"))
    await brisk.wait(3)
    for number, status in enumerate(["Completed", "Failed", "Completed", "Timeout", "Cancelled", "Completed"]):
        await brisk.send(of_batch(status, number))
        await brisk.wait(3)
    replies = len(brisk.replies())
    await brisk.send(batch("batch.completed", batch={"status": "Completed"}))
    await brisk.wait(10)

    (root,) = brisk.roots()
    assert replies == 3
    assert {reply.thread_ts for reply in brisk.replies()} == {root.ts}
    assert len(brisk.replies()) == 4  # the end of the batch itself


async def test_an_outcome_that_states_no_number_is_that_of_the_run_that_goes_on(brisk: Flow) -> None:
    await brisk.send(ended("Failed"))
    await brisk.deliver()
    await brisk.send(told("operation.progress", 10, retryNumber=1))
    before = brisk.clock() - 60
    brisk.clock.advance(5)
    stale = {**ended("Failed"), "timestamp": datetime.fromtimestamp(before, UTC).isoformat(), "eventId": "late"}

    assert (await brisk.send(stale)).status == "duplicate"  # of the first run, as it happened before the second
    assert (await brisk.send(ended("Failed"))).status == "accepted"
    await brisk.deliver()

    assert [message.text.partition(":")[0] for message in brisk.roots()] == ["Failed"]


async def test_a_batch_that_is_over_before_its_first_message_is_one_message(flow: Flow) -> None:
    await flow.send(batch("batch.started"))
    for number in range(3):
        await flow.send(of_batch("Completed", number))
    await flow.send(batch("batch.completed", batch={"status": "Completed"}))
    await flow.deliver()

    assert [root.text.partition(":")[0] for root in flow.roots()] == ["Completed"]
    assert flow.replies() == []


async def test_the_edits_of_a_batch_are_a_minute_apart_but_for_its_end(flow: Flow) -> None:
    await flow.send(batch("batch.started"))
    await flow.wait(70)
    for number in range(60):
        await flow.send(of_batch("Completed", number))
        await flow.wait(5)
    await flow.send(batch("batch.completed", batch={"status": "Completed"}))
    await flow.wait(5)

    at = [moment for moment, _ in flow.calls(UPDATE)]
    assert len(at) == 6
    assert all(later - earlier >= 60 for earlier, later in pairwise(at[:-1]))
    assert flow.clock() - at[-1] <= 6


async def test_the_operations_of_a_batch_have_no_message_of_their_own(brisk: Flow) -> None:
    await brisk.send(batch("batch.started"))
    await brisk.wait(3)
    await brisk.send(told("operation.started", operationId="op-7", batchId="batch-1"))
    await brisk.send({"event": "operation.progress", "operation": {"operationId": "op-7", "progress": 50}})  # thin
    await brisk.send(ended("Completed", operationId="op-7"))
    await brisk.wait(10)

    assert len(brisk.messages()) == 1
    assert await brisk.held() == {"batch": 3}


@pytest.mark.parametrize("first", ["operation", "batch"])
async def test_a_failed_member_is_told_once_whichever_event_comes_first(brisk: Flow, first: str) -> None:
    await brisk.send(batch("batch.started"))
    await brisk.wait(3)
    own = ended("Failed", operationId="op-7", priority="High", batchId="batch-1", createdBy=OWNER)
    theirs = of_batch("Failed", 7, priority="High", createdBy=OWNER)
    for event in (own, theirs) if first == "operation" else (theirs, own):
        await brisk.send(event)
        await brisk.wait(3)

    (root,) = brisk.roots()
    (reply,) = brisk.replies()
    assert (reply.thread_ts, reply.broadcast) == (root.ts, True)
    assert (await brisk.ledger()).imbalance == 0


async def test_a_failure_in_a_batch_that_is_still_held_brings_its_message_and_the_reply_below_it(flow: Flow) -> None:
    await flow.send(batch("batch.started"))
    await flow.send(ended("Failed", operationId="op-7", priority="High", batchId="batch-1"))
    await flow.wait(5)

    (root,) = flow.roots()
    (reply,) = flow.replies()
    assert reply.thread_ts == root.ts


async def test_a_member_whose_message_stands_already_keeps_it(brisk: Flow) -> None:
    await brisk.send(told("operation.progress", 40, operationId="op-7", batchId="batch-1"))
    await brisk.wait(3)
    await brisk.send(batch("batch.started"))
    await brisk.wait(3)
    await brisk.send(ended("Failed", operationId="op-7", batchId="batch-1"))
    await brisk.wait(3)
    await brisk.send(of_batch("Failed", 7))
    await brisk.wait(10)

    own, group = brisk.roots()
    assert "Failed" in own.text
    assert [reply.thread_ts for reply in brisk.replies()] == [own.ts]
    assert group.text


async def test_a_member_that_waited_for_its_first_message_leaves_it_to_the_batch(flow: Flow) -> None:
    await flow.send(told("operation.started", operationId="op-7", batchId="batch-1"))
    await flow.send(batch("batch.started"))
    await flow.send(told("operation.progress", 40, operationId="op-7"))
    await flow.wait(120, step=10)

    assert len(flow.messages()) == 1
    assert (await flow.ledger()).imbalance == 0


# Nothing is silent without a reason


async def test_everything_that_is_not_told_is_counted_and_explained(flow: Flow) -> None:
    await flow.send(told("operation.progress", 10))
    await flow.wait(61)
    small = await flow.send(told("operation.progress", 11))  # increment
    await flow.send(told("operation.started", operationId="op-low", priority="Low"))
    await flow.send(batch("batch.started"))
    await flow.send(told("operation.progress", 10, operationId="op-7", batchId="batch-1"))
    await flow.send({"event": "operation.paused", "operation": {"operationId": "op-1"}})  # no rule names it
    await flow.send(told("operation.progress", 20))
    await flow.send(told("operation.progress", 30))  # replaces the one before
    late = await flow.send(told("operation.progress", 15))

    counts = (await flow.ledger()).counts
    held = await flow.held()
    assert held == {"increment": 1, "low_priority": 1, "batch": 1, "no_rule": 1}
    assert (small.held, late.status) == ((("team", "increment"),), "late")
    assert counts["accepted"] == sum(held.values()) + counts["pending"] + counts["delivered"] + counts["superseded"]
    assert counts["late"] == 1
    sentences: list[str] = []
    for name in ("op-1", "op-low", "op-7"):
        story = await flow.admin.timeline(name)
        assert story is not None
        sentences += [sentence_of(line) for line in facts_of(story)["timeline"] if line["what"] in NOTED]
    for reason in held:
        assert f"held: {WHY['held'][reason]}" in sentences
    assert any("came late" in sentence for sentence in sentences)
