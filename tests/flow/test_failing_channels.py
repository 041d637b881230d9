"""Failing channels, hosts and messages: the others go on, nothing is lost, and the limits of patience hold."""

from collections import Counter
from itertools import pairwise

import pytest

from relay_sandbox.standins.slack import Fault
from tests.support.flow import POST, UPDATE
from tests.support.outages import SLACK_OUTAGES, World, answered
from tests.support.queue import dead_letters
from tests.support.traffic import Account, busy, killed_while_sending, passes, run_of, single

PROMPTLY = 61.0  # seconds after the end of an outage in which everything is delivered
AWAY = Fault(status=503, body=b"<p>Sorry", headers={"Content-Type": "text/html"})
HISTORY = "channels:history"


def delays(outpost: World, sent: dict[str, float], conversation: str) -> list[float]:
    """Return the seconds after which each of these runs had its message in the conversation."""
    posted = {run_of(message): float(message.ts) for message in outpost.flow.messages(conversation)}
    return [posted[run] - at for run, at in sent.items()]


async def reasons(outpost: World) -> Counter[str]:
    return Counter(letter.reason for letter in await dead_letters(outpost.flow.store))


class TestOneMessage:
    async def test_that_always_breaks_slack_ends_as_a_dead_letter_while_others_get_through(
        self, outpost: World
    ) -> None:
        flow, sent = outpost.flow, dict[str, float]()
        flow.slack.outages[f"{POST} #room"] = Fault(error="fatal_error")
        await outpost.fails("run-0", "room")
        for minute in range(1, 60):
            sent[f"run-{minute}"] = flow.clock()
            await outpost.fails(f"run-{minute}", "slack")
            await flow.wait(60, step=10)

        attempts = [arguments for _, arguments in flow.calls(POST) if arguments["channel"] == "#room"]
        assert await reasons(outpost) == {"retries_exhausted": 1}
        assert 6 <= len(attempts) <= 12  # those until the next of the others got through cost no try
        assert max(delays(outpost, sent, "#team")) <= 10

    @pytest.mark.parametrize("scopes", ["with the scope", "without it"])
    @pytest.mark.parametrize("arrived", [True, False])
    async def test_survives_a_kill_in_one_attempt_and_a_500_in_the_next(
        self, outpost: World, scopes: str, *, arrived: bool
    ) -> None:
        flow = outpost.flow
        if scopes == "without it":
            forbid_history(outpost)
        await outpost.fails("run-0", "room")
        await killed_while_sending(outpost, "slack", arrived=arrived)
        flow.slack.script(POST, Fault(status=500, body=b""))
        await flow.wait(30 + 2 * PROMPTLY)

        counts = (await flow.ledger()).counts
        messages = len(flow.messages("#room"))
        assert (counts["dead"], counts["pending"]) == (0, 0)
        assert messages == 1 or (scopes == "without it" and messages <= 1 + counts["unknown_outcomes"])


class TestProbes:
    async def test_are_at_most_a_minute_apart_and_carry_no_message(self, outpost: World) -> None:
        flow, runs = outpost.flow, busy(30, 900)
        begin = flow.clock() + 30

        await passes(outpost, answered(AWAY), runs, "slack", seconds=900)

        opened = begin + 120
        calls = [call for call in flow.slack.calls if opened < call.at < begin + 900]
        gaps = [after.at - before.at for before, after in pairwise(calls)]
        assert {call.method for call in calls} == {"auth.test"}
        assert min(gaps) >= 2
        assert max(gaps) <= 60 + 5  # seconds between two looks of this test
        await flow.wait(PROMPTLY)
        assert (await flow.ledger()).counts["pending"] == 0


class TestOthers:
    async def test_a_dead_slack_delays_no_mail(self, outpost: World) -> None:
        flow = outpost.flow
        async with answered(AWAY)(outpost):
            for number in range(20):
                await outpost.fails(f"run-{number}", "both")
                await flow.wait(5)
                assert len(outpost.smtp.taken) == number + 1
            assert flow.messages() == []
        await flow.wait(PROMPTLY)
        assert len(flow.roots()) == 20

    async def test_a_mail_that_is_refused_leaves_its_connection_to_the_next(self, outpost: World) -> None:
        outpost.smtp.script("rcpt", "451 4.7.1 greylisted")
        for run in ("run-0", "run-1"):
            await outpost.fails(run, "email")
            await outpost.flow.wait(5)
        await outpost.flow.wait(90)

        assert (len(outpost.smtp.taken), outpost.smtp.connections) == (2, 1)

    @pytest.mark.parametrize(("dead", "well"), [("webhook", "room"), ("room", "webhook")])
    async def test_a_dead_host_of_slack_delays_nothing_at_the_other(self, outpost: World, dead: str, well: str) -> None:
        flow, rooms = outpost.flow, {"webhook": "#alerts", "room": "#room"}
        methods = ("webhook",) if dead == "webhook" else (POST, UPDATE, "auth.test")
        async with answered(AWAY, *methods)(outpost):
            for number in range(20):
                await outpost.fails(f"run-{number}", dead)
                await outpost.fails(f"run-{number + 50}", well)
                await flow.wait(5)
                assert len(flow.messages(rooms[well])) == number + 1
            assert flow.messages(rooms[dead]) == []
        await flow.wait(PROMPTLY)
        assert len(flow.messages(rooms[dead])) == 20
        assert (await flow.ledger()).counts["dead"] == 0


@pytest.mark.parametrize("traffic", ["busy", "single"])
async def test_without_the_scope_only_what_may_have_arrived_is_doubled(outpost: World, traffic: str) -> None:
    forbid_history(outpost)
    runs = busy(20, 140) if traffic == "busy" else single(140)

    await passes(outpost, SLACK_OUTAGES["fatal_error-posted"], runs, "slack", seconds=140)
    await outpost.flow.wait(PROMPTLY)

    account, counts = Account(outpost, "slack", runs), (await outpost.flow.ledger()).counts
    assert (counts["dead"], counts["pending"]) == (0, 0)
    assert (account.missing, account.stale) == ([], [])
    assert 0 < account.doubled.total() <= counts["unknown_outcomes"]


def forbid_history(outpost: World) -> None:
    slack = outpost.flow.slack
    slack.scopes = ",".join(scope for scope in slack.scopes.split(",") if scope != HISTORY)
