"""relay silence, relay pause and relay resume, on a running relay."""

from datetime import UTC, datetime
from typing import Any

import pytest
from click.testing import Result

from relay.errors import RelayError
from relay.operating.clocks import next_moment as at
from relay.store.queries.silences import SilenceList
from tests.support.events import body
from tests.support.inprocess import relay, relay_beside
from tests.support.silences import silence
from tests.support.stage import CONFIG, Stage, now

BERLIN = "Europe/Berlin"
NOON = datetime(2026, 3, 28, 11, tzinfo=UTC).timestamp()  # 12:00 in Berlin, on the day before summer time begins


class TestTimes:
    @pytest.mark.parametrize(
        ("text", "means"),
        [
            ("18:00", "2026-03-28T17:00+00:00"),
            ("9:30", "2026-03-29T07:30+00:00"),  # the next one, an hour nearer
            ("12:00", "2026-03-29T10:00+00:00"),
            ("2026-03-30T07:00", "2026-03-30T05:00+00:00"),
            ("2026-03-30 07:00", "2026-03-30T05:00+00:00"),
            ("2026-03-30T07:00Z", "2026-03-30T07:00+00:00"),
        ],
    )
    def test_a_time_is_by_the_clocks_of_the_zone(self, text: str, means: str) -> None:
        assert datetime.fromtimestamp(at(text, BERLIN, NOON), UTC) == datetime.fromisoformat(means)

    @pytest.mark.parametrize("text", ["", "2h", "25:00", "tomorrow", "18"])
    def test_what_is_none_is_said(self, text: str) -> None:
        with pytest.raises(RelayError, match=r"expected for instance 18:00, or 2024-01-20T12:40"):
            at(text, BERLIN, NOON)


async def silenced(running: Stage, verb: str, *arguments: str, **env: str) -> Result:
    return await relay_beside("silence", verb, "-c", CONFIG, *arguments, env={**running.around.env, **env})


def document(number: int = 1) -> dict[str, Any]:
    return body("operation.completed", 100, status="Completed", operationId=f"op-{number}") | {"tenantId": "mail"}


async def test_they_are_listed_until_they_are_over_and_then_on_demand(running_stage: Stage) -> None:
    nothing = await silenced(running_stage, "list")
    await SilenceList(running_stage.around.store).add(silence(now(), reason="Move \x1b[2J", jobs=("Sales *",)))
    done = await silenced(running_stage, "list")
    ended = await silenced(running_stage, "expire", "s-1", "s-none")
    listed = await silenced(running_stage, "list")
    expired = await silenced(running_stage, "list", "--expired")
    again = await silenced(running_stage, "expire", "s-1")
    tomorrow = await silenced(running_stage, "add", "--all", "--from", "18:00", "--until", "17:00", "--reason", "Move")

    assert nothing.output == listed.output == "Nothing is silenced.\n"
    assert "s-1  active" in done.output
    assert "destinations: room, jobs: Sales *" in done.output
    assert "\x1b" not in done.output
    assert (ended.exit_code, again.exit_code) == (1, 1)  # of the two, one was none
    assert "s-1  expired" in expired.output
    assert "It ends on the next day: that time of day has passed already." in tomorrow.output


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--destination", "rom", "--for", "2h"], "there is no destination rom; did you mean room?"),
        (["--priority", "critcal", "--for", "2h"], "there is no priority Critcal; did you mean Critical?"),
        (["--all", "--for", "31d"], "it lasts longer than 30 days"),
    ],
)
async def test_what_cannot_be_is_refused(running_stage: Stage, arguments: list[str], says: str) -> None:
    done = await silenced(running_stage, "add", *arguments, "--reason", "Upgrade")

    assert done.exit_code == 1
    assert says in done.output
    assert await SilenceList(running_stage.around.store).all() == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--for", "2h"], "give --destination, --job, --type, --priority, --tenant, --project or --all"),
        (["--all"], "give --for or --until, one of the two"),
        (["--all", "--for", "2h", "--until", "18:00"], "give --for or --until, one of the two"),
        (["--all", "--for", "2"], "Invalid value for '--for': expected a unit: 2s or 2m?"),
        (["--all", "--for", ""], "Invalid value for '--for': expected a duration"),
    ],
)
def test_wrong_use_names_the_options(arguments: list[str], says: str) -> None:
    done = relay("silence", "add", *arguments, "--reason", "Upgrade")

    assert (done.exit_code, says in done.output) == (2, True)


async def test_a_pause_holds_what_comes_until_it_is_ended(running_stage: Stage) -> None:
    env = {**running_stage.around.env, "RELAY_ACTOR": "jana@here"}
    wrong = await relay_beside("pause", "rom", "--reason", "Move", "-c", CONFIG, env=env)
    paused = await relay_beside("pause", "english", "--reason", "Move", "--for", "2h", "-c", CONFIG, env=env)
    await running_stage.post(document())
    [german] = await running_stage.around.mails(1)
    shown = await relay_beside("status", "-c", CONFIG, env=env)
    resumed = await relay_beside("resume", "english", "-c", CONFIG, env=env)
    mails = await running_stage.around.mails(2)
    again = await relay_beside("resume", "english", "-c", CONFIG, env=env)
    unknown = await relay_beside("resume", "englisch", "-c", CONFIG, env=env)

    assert (wrong.exit_code, "did you mean room?" in wrong.output) == (1, True)
    assert (paused.exit_code, "english is paused until 20" in paused.output) == (0, True)
    assert german.recipient == "german@example.com"
    assert "jana@here Move (since " in shown.output
    assert (resumed.exit_code, resumed.output) == (0, "english goes on: what waited for its addresses goes out.\n")
    assert [mail.recipient for mail in mails] == ["german@example.com", "english@example.com"]
    assert (again.exit_code, "nobody has paused english" in again.output) == (1, True)
    assert "there is no destination englisch; did you mean english?" in unknown.output
    assert unknown.exit_code == 1
