"""Cancel and retry, pressed: what reaches the platform, what is told, and that it happens once."""

import pytest

from relay.rendering.translations import TAKEN, TWICE
from tests.interactivity.pressing import (
    ANALYST,
    BUSY,
    CANCEL,
    CANCELLED,
    LEAD,
    RETRY,
    Scene,
    buttons,
    place,
    serving,
    threaded,
)
from tests.support.queue import dead_letters
from tests.support.redis_server import RedisServer


async def test_a_cancel_reaches_the_platform_once_and_is_told_in_the_thread(begun: Scene) -> None:
    assert await begun.press("cancel") == 200
    assert await begun.press("cancel") == 200
    assert await begun.press("cancel", LEAD) == 200
    [reply] = await begun.replies(1)
    assert reply == "@analyst cancelled the run: the platform is ending it."
    assert [body["reason"] for body in begun.asked(CANCEL)] == ["Cancelled by Jana Müller in Slack"]
    assert await begun.whispers(3) == [(ANALYST, TAKEN), (ANALYST, TWICE), (LEAD, TWICE)]
    shown = threaded(begun.around.slack.messages("#team"))[0].blocks[0]["text"]["text"]
    assert f"<@{ANALYST}>" in shown


async def test_a_retry_is_told_with_the_new_run(begun: Scene) -> None:
    await begun.tell("operation.failed", error={"message": "It broke."})
    assert buttons(await begun.root(text="Failed")).keys() == {"take", "retry"}
    before = len(threaded(begun.around.slack.messages("#team")))
    assert await begun.press("retry") == 200
    assert (await begun.replies(before + 1))[-1] == "@analyst requested a retry: op-2 started."
    assert len(begun.asked(RETRY)) == 1


@pytest.mark.parametrize("answers", [{CANCEL: [(409, {"detail": "it is being finished"}), CANCELLED]}])
async def test_a_refusal_is_told_and_may_be_asked_for_again(begun: Scene) -> None:
    await begun.press("cancel")
    [reply] = await begun.replies(1)
    assert reply == "@analyst tried to cancel the run, which was refused: 409 Conflict: it is being finished"
    await begun.press("cancel")
    assert (await begun.replies(2))[1].startswith("@analyst cancelled the run: the platform")


@pytest.mark.slow
@pytest.mark.parametrize("answers", [{CANCEL: [BUSY]}])
@pytest.mark.parametrize("env", [{"STAGE_RETRIES": "1"}])
async def test_a_platform_that_stays_down_leaves_a_dead_letter_and_whoever_pressed_is_told(begun: Scene) -> None:
    await begun.press("cancel")
    [reply] = await begun.replies(1)
    assert reply == "@analyst tried to cancel the run, which was refused: 503 Service Unavailable: in maintenance"
    [letter] = await dead_letters(begun.around.store)
    assert (letter.event, letter.channel, letter.address) == ("operation.action.requested", "platform", "cancel")
    await begun.press("cancel")
    assert len(await begun.replies(2)) == 2


async def test_what_was_pressed_before_a_restart_is_done_after_it(redis_server: RedisServer) -> None:
    async with place(redis_server) as one:
        async with serving(one):
            await one.tell("operation.started")
            await one.root()
        async with serving(one, role="receive"):  # takes presses, and delivers nothing
            assert await one.press("cancel") == 200
            assert one.asked(CANCEL) == []
        async with serving(one):
            assert len(await one.replies(1)) == 1
            assert len(one.asked(CANCEL)) == 1


@pytest.mark.parametrize(("cancellation", "says"), [
    ({"cancelledBy": "user123", "reason": "Cancelled by Jana Müller in Slack"}, "Jana Müller (Slack)"),
    ({"cancelledBy": "user123"}, "Jana Müller (Slack)"),
    ({}, "Jana Müller (Slack)"),
    ({"cancelledBy": "user123", "reason": "Too expensive"}, "user123"),
])  # fmt: skip
async def test_a_run_that_was_cancelled_by_a_button_names_who_pressed(
    begun: Scene, cancellation: dict[str, str], says: str
) -> None:
    await begun.press("cancel")
    await begun.replies(1)
    await begun.tell("operation.cancelled", cancellation=cancellation)
    message = await begun.root(text="Cancelled")
    assert buttons(message) == {}
    shown = message.blocks[0]["text"]["text"]
    reason = ": Too expensive" if says == "user123" else "."
    told = f"Too expensive (by {says})." if says == "user123" else f"By {says}."
    assert f" – {told}" in message.text
    assert shown.endswith(f" was cancelled by {says}{reason}")
