"""relay silence: what nobody is to hear of, on a running relay."""

from datetime import UTC, datetime
from typing import Any

import pytest

from relay.domain.silences import Silence
from relay.errors import RelayError
from relay.operating.silences import at, meaning
from relay.store.silences import SilenceList
from tests.support.commands import Done, relay
from tests.support.events import body
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

    def test_there_is_no_time_after_the_last_year(self) -> None:
        with pytest.raises(RelayError, match=r"18:00: expected for instance"):
            at("18:00", BERLIN, at("9999-12-31T22:00", BERLIN, NOON))


def test_people_read_what_it_means() -> None:
    its = silence(NOON, destinations=("room", "team"), jobs=("Sales *",), priorities=("Low",))

    assert meaning(its) == "at room or team, named Sales *, of priority Low"
    assert meaning(silence(NOON, destinations=())) == "everything"


async def silenced(running: Stage, verb: str, *arguments: str, **env: str) -> Done:
    return await relay("silence", verb, "-c", CONFIG, *arguments, env={**running.around.env, **env})


def document(number: int = 1) -> dict[str, Any]:
    return body("operation.completed", 100, status="Completed", operationId=f"op-{number}") | {"tenantId": "mail"}


async def kept(running: Stage) -> list[Silence]:
    return await SilenceList(running.around.store).all()


@pytest.mark.slow
async def test_what_is_held_is_told_in_one_mail_once_it_is_ended(running_stage: Stage) -> None:
    added = await silenced(running_stage, "add", "--destination", "english", "--for", "2h", "--reason", "Upgrade",
                           "--json", RELAY_ACTOR="jana@here")  # fmt: skip
    for number in (1, 2):
        await running_stage.post(document(number))
    german = await running_stage.around.mails(2)
    ended = await silenced(running_stage, "expire", added.facts["added"]["id"])
    mails = await running_stage.around.mails(3)
    ledger = await running_stage.around.settled()
    audit = (await relay("audit", "-c", CONFIG, "--json", env=running_stage.around.env)).facts["audit"]

    assert {one.recipient for one in german} == {"german@example.com"}
    assert (ended.status, ended.out) == (0, f"ended {added.facts['added']['id']}; held messages sent now: 1\n")
    assert [one.message["subject"] for one in mails if one.recipient == "english@example.com"] == [
        "While messages were silenced: 2 completed"
    ]
    assert (ledger.counts["held:silenced"], ledger.imbalance) == (2, 0)
    assert [(act["action"], act["subject"], act["outcome"]) for act in audit] == [
        ("silence add", added.facts["added"]["id"], "added"), ("silence expire", added.facts["added"]["id"], "ended")
    ]  # fmt: skip
    assert (audit[0]["actor"], audit[0]["detail"]["of"], audit[0]["detail"]["reason"]) == (
        "jana@here", "at english", "Upgrade"
    )  # fmt: skip


@pytest.mark.slow
async def test_they_are_listed_until_they_are_over_and_then_on_demand(running_stage: Stage) -> None:
    nothing = await silenced(running_stage, "list")
    await SilenceList(running_stage.around.store).add(silence(now(), reason="Move \x1b[2J", jobs=("Sales *",)))
    done = await silenced(running_stage, "list")
    ended = await silenced(running_stage, "expire", "s-1", "--json")
    listed = await silenced(running_stage, "list")
    expired = (await silenced(running_stage, "list", "--expired", "--json")).facts["silences"]
    again = await silenced(running_stage, "expire", "s-1")

    assert ended.facts == {"ended": ["s-1"], "released": {"s-1": 0}}
    assert nothing.out == listed.out == "Nothing is silenced.\n"
    assert "s-1  active" in done.out
    assert "at room, named Sales *" in done.out
    assert "\x1b" not in done.out
    assert [(one["id"], one["state"], one["jobs"], one["author"]) for one in expired] == [
        ("s-1", "expired", ["Sales *"], "ada@here")
    ]
    assert (again.status, again.err) == (1, "over already: s-1\n")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--for", "2h"], "this silence cannot be: it names nothing that it is for"),
        (["--destination", "rom", "--for", "2h"], "there is no destination rom; did you mean room?"),
        (["--priority", "critical", "--for", "2h"], "there is no priority critical; did you mean Critical?"),
        (["--all"], "when does it end? expected how long it lasts, or until when"),
        (["--all", "--for", "31d"], "it lasts longer than 30 days"),
        (["--all", "--for", "ever"], "ever: expected a duration"),
    ],
)
async def test_what_cannot_be_is_refused(running_stage: Stage, arguments: list[str], says: str) -> None:
    done = await silenced(running_stage, "add", *arguments, "--reason", "Upgrade")

    assert (done.status, done.out) == (1, "")
    assert says in done.err
    assert await kept(running_stage) == []
