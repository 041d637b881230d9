"""Notices to operators: by mail of Slack, in Slack of mail, once when a trouble begins and once when it ends."""

from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from relay.store import Store
from relay.store.queries.reachability import Reachability
from relay_sandbox.standins.slack import Fault
from tests.background.operating import HOUR, MINUTE, Operating, operating
from tests.support.clock import Clock

REFUSED = Fault("invalid_auth")


@pytest.fixture
async def relay(open_store: Callable[..., Store], clock: Clock) -> AsyncIterator[Operating]:
    async with operating(open_store, clock) as relay:
        yield relay


async def test_a_channel_that_is_down_is_told_within_a_minute_and_a_failure_that_soon_ends_is_not(
    relay: Operating,
) -> None:
    relay.slack.outages["*"] = Fault(status=503, body=b"<html>upstream</html>")
    await relay.fails()
    await relay.passes(40, step=10)
    soon = relay.subjects
    await relay.passes(20, step=10)

    assert soon == []
    assert len(relay.subjects) == 1


async def test_dead_letters_are_told_with_who_was_not_and_what_to_do(relay: Operating) -> None:
    relay.inbox.answer("analyst@example.com", "554 5.7.1 refused for a reason of its own")
    await relay.fails()
    await relay.deliver()
    await relay.passes(3 * MINUTE)
    told = relay.subjects, relay.mails()[0].text
    await relay.passes(3 * HOUR, step=5 * MINUTE)

    assert told[0] == ["1 message was given up (since 12:20)"]
    assert "Not told: analysts." in told[1]
    assert "“relay dead list” says why. Remove the cause, then “relay dead replay --since 1h” sends them." in told[1]
    assert relay.subjects[1:] == ["No more messages are given up"]
    assert len(relay.texts) == 2  # mail works as a whole, so both hear of it


async def test_a_restart_in_the_middle_forgets_nothing_and_tells_nothing_twice(relay: Operating) -> None:
    relay.slack.outages["*"] = REFUSED
    await relay.fails()
    await relay.passes(30 * MINUTE)
    before = relay.subjects
    relay.restart()
    await relay.passes(5 * HOUR, step=5 * MINUTE)
    during = relay.subjects
    relay.slack.outages.clear()
    relay.restart()
    await relay.fails()
    await relay.passes(30 * MINUTE)

    assert during == before
    assert len(before) == 1
    assert relay.subjects[1:] == ["Slack: messages get through again"]


async def test_a_notice_that_was_queued_before_its_process_died_is_told_once(relay: Operating) -> None:
    """It dies between the queue and its note that it is there."""
    relay.lacks["memory"] = "Redis uses 84% of its maxmemory"
    [monitor] = relay.monitors
    told = monitor.send

    async def tell_and_die(*arguments: Any) -> Any:
        await told(*arguments)
        raise RuntimeError("killed")

    monitor.send = tell_and_die
    with pytest.raises(RuntimeError):
        await relay.look()
    relay.restart()
    await relay.passes(30 * MINUTE)

    assert relay.subjects == ["Redis is almost full (since 12:20)"]


async def test_operators_hear_at_any_hour_and_whatever_they_unsubscribed_from(
    open_store: Callable[..., Store], clock: Clock
) -> None:
    quiet = 'operators: [on-call]\nquiet_hours: {from: "00:00", to: "23:59"}\nx: '
    async with operating(open_store, clock, **{"operators: ": quiet, "\nx: [on-call, relay-room]": ""}) as relay:
        await relay.suppressions.add("oncall@example.com", "on-call", reason="unsubscribed")
        relay.lacks["memory"] = "Redis uses 84% of its maxmemory"
        await relay.look()

        [mail] = relay.mails()
        assert mail.message["List-Unsubscribe"] is None


@pytest.mark.parametrize("operators", ["[]", "[relay-room]"])
async def test_where_nobody_can_be_told_the_log_says_so_and_the_end_is_told(
    open_store: Callable[..., Store], clock: Clock, operators: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with operating(open_store, clock, operators) as relay:
        relay.slack.outages["*"] = REFUSED
        await relay.fails()
        await relay.passes(30 * MINUTE, step=3 * MINUTE)
        lines = [line for line in capsys.readouterr().out.splitlines() if "operators.unheard" in line]
        relay.slack.outages.clear()
        await relay.passes(30 * MINUTE, step=3 * MINUTE)

        assert len(lines) == 1
        assert "channel slack" in lines[0]
        assert relay.subjects == []
        assert relay.texts == (["relay: Slack: messages get through again"] if operators != "[]" else [])


@pytest.mark.parametrize(("seconds", "told"), [(3600, 1), (240, 0)])
async def test_a_throttle_of_an_hour_is_a_channel_that_is_down_and_one_of_minutes_is_not(
    relay: Operating, seconds: int, told: int
) -> None:
    relay.slack.outages["chat.postMessage"] = Fault(status=429, headers={"Retry-After": f"{seconds}"})
    until = f"{datetime.fromtimestamp(relay.clock() + MINUTE + seconds, ZoneInfo(relay.config.timezone)):%H:%M}"
    for _ in range(3):
        await relay.fails()
        await relay.passes(MINUTE)
    states = await Reachability(relay.store).states(relay.config, relay.clock())

    assert (len(relay.subjects), states["channel:slack"].fails) == (told, bool(told))
    if told:
        (mail,) = relay.mails()
        assert f"Throttled until {until}. No messages arrive at team" in mail.text
        assert "Slack answered chat.postMessage" in mail.text
        assert "UTC" not in mail.subject + mail.text
        assert "throttled until 2024-01-20 12:21 UTC: Slack" in states["channel:slack"].sentence
        assert states["channel:slack"].parked == 3
    relay.slack.outages.clear()
    await relay.passes(HOUR + 2 * MINUTE)
    assert relay.subjects[1:] == ["Slack: messages get through again"] * told
    assert len(relay.messages("#team")) == 3
