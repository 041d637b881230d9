"""relay silence, relay pause and relay resume, on a running relay."""

import time
from datetime import UTC, datetime

import pytest

from relay.errors import RelayError
from relay.operating.clocks import next_moment as at
from relay.store.queries.silences import SilenceList
from tests.cli.asking import Commands
from tests.support.events import body
from tests.support.inprocess import relay
from tests.support.silences import silence
from tests.support.stage import Stage

BERLIN = "Europe/Berlin"
NOON = datetime(2026, 3, 28, 11, tzinfo=UTC).timestamp()  # 12:00 in Berlin, on the day before summer time begins


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
def test_a_time_is_by_the_clocks_of_the_zone(text: str, means: str) -> None:
    assert datetime.fromtimestamp(at(text, BERLIN, NOON), UTC) == datetime.fromisoformat(means)


@pytest.mark.parametrize("text", ["", "2h", "25:00", "tomorrow", "18"])
def test_what_is_no_time_is_said(text: str) -> None:
    with pytest.raises(RelayError, match=r"expected for instance 18:00, or 2024-01-20T12:40"):
        at(text, BERLIN, NOON)


async def test_they_are_listed_until_they_are_over_and_then_on_demand(cli: Commands) -> None:
    nothing = await cli("silence", "list")
    await SilenceList(cli.store).add(silence(time.time(), reason="Move \x1b[2J", jobs=("Sales *",)))
    done = await cli("silence", "list")
    ended = await cli("silence", "expire", "s-1", "s-none")
    listed = await cli("silence", "list")
    expired = await cli("silence", "list", "--expired")
    again = await cli("silence", "expire", "s-1")
    tomorrow = await cli("silence", "add", "--all", "--from", "18:00", "--until", "17:00", "--reason", "Move")

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


async def test_a_pause_holds_what_comes_until_it_is_ended(cli: Commands, running_stage: Stage) -> None:
    wrong = await cli("pause", "rom")
    paused = await cli("pause", "english", "--reason", "Move", "--for", "2h", RELAY_ACTOR="jana@here")
    await running_stage.post(body("operation.completed", 100, status="Completed") | {"tenantId": "mail"})
    [german] = await cli.around.mails(1)
    shown = await cli("status")
    resumed = await cli("resume", "english")
    mails = await cli.around.mails(2)
    again, unknown = await cli("resume", "english"), await cli("resume", "englisch")

    assert (wrong.exit_code, "did you mean room?" in wrong.output) == (1, True)
    assert (paused.exit_code, "english is paused until 20" in paused.output) == (0, True)
    assert german.recipient == "german@example.com"
    assert "jana@here Move (since " in shown.output
    assert (resumed.exit_code, resumed.output) == (0, "english goes on: what waited for its addresses goes out.\n")
    assert [mail.recipient for mail in mails] == ["german@example.com", "english@example.com"]
    assert (again.exit_code, "nobody has paused english" in again.output) == (1, True)
    assert (unknown.exit_code, "no destination englisch; did you mean english?" in unknown.output) == (1, True)
