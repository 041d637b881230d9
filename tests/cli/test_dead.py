"""relay dead: what could not be delivered, to look at, replay or drop, on a running relay."""

import json
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from rich.console import Console

from relay.cli import main
from relay.cli.dead_letters import entries_table
from relay.domain.deliveries import Digest, Window
from relay.errors import RelayError
from relay.operating.entries import all_entries, entries_named, short
from relay.operating.filters import moment
from tests.support.commands import Done, relay, relay_on_terminal
from tests.support.events import body, completed
from tests.support.stage import CONFIG, Stage
from tests.support.targets import mail

pytestmark = pytest.mark.slow

ANALYSIS = "op-ff0e8400-e29b-41d4-a716-446655440000"
REFUSED = ("550 5.7.1 Mail like this is not wanted here, and none of this name has ever been seen on this side of the "
           "mail system")  # fmt: skip
DIGEST = "0123456789abcdef0123456789abcdef"


@pytest.fixture
async def letter(running_stage: Stage) -> str:
    """The id of a mail that its server refused for good."""
    running_stage.around.inbox.answer("gone@example.com", REFUSED)
    await running_stage.post(started("pair"))
    await running_stage.around.settled()
    [letter] = await running_stage.around.admin.dead()
    return letter.id


def started(tenant: str) -> dict[str, Any]:
    return body("operation.started", 0, status="Initiated") | {"tenantId": tenant}


async def dead(running: Stage, verb: str, *arguments: str, **env: str) -> Done:
    return await relay("dead", verb, "-c", CONFIG, *arguments, env={**running.around.env, **env})


async def quarantined(running: Stage, document: Any, reason: str = "operation.operationId: missing") -> str:
    return await running.around.admin.quarantine("async-operations", json.dumps(document).encode(), {}, reason)


async def count(running: Stage, place: str) -> int:
    return (await running.around.ledger()).counts.get(place, 0)


async def test_nothing_dead_is_said_in_a_sentence(running_stage: Stage) -> None:
    done = await dead(running_stage, "list")

    assert (done.status, done.out) == (0, "Nothing is dead, nothing is quarantined.\n")


@pytest.mark.parametrize("width", [80, 120])
async def test_the_list_is_readable_on_a_terminal_of_any_width(running_stage: Stage, letter: str, width: int) -> None:
    body_id = await quarantined(running_stage, {"no": "operation"})
    console = Console(width=width, file=StringIO())

    console.print(entries_table(await all_entries(running_stage.around.admin), "Europe/Berlin"))

    text = console.file.getvalue()  # type: ignore[attr-defined]
    lines, words = text.rstrip().splitlines(), " ".join(text.split())
    assert max(map(len, lines)) <= width
    assert all(line.startswith((f"{letter[:8]}  ", f"{body_id[:10]}  ", " " * 12)) for line in lines[1:])
    assert "operation.started → pair (gone@example.com)" in words
    assert f"{ANALYSIS}, 1 attempt" in words
    assert "refused for good:" in words
    assert "on this side of the mail system" in words
    assert "refused: operation.operationId: missing" in words


async def test_the_list_is_as_wide_as_the_terminal(running_stage: Stage, letter: str) -> None:
    env = {**running_stage.around.env, "COLUMNS": "70", "NO_COLOR": "1"}
    done = await relay_on_terminal("dead", "list", "-c", CONFIG, env=env)

    assert done.status == 0
    assert done.out.splitlines()[1].startswith(f"{letter[:8]}  ")
    assert 60 < max(map(len, done.out.splitlines())) <= 70


async def test_off_a_terminal_nothing_is_wrapped(running_stage: Stage, letter: str) -> None:
    done = await dead(running_stage, "list", COLUMNS="40")

    _, first, *rest = done.out.splitlines()
    id_, day, clock, zone, what = first.split(maxsplit=4)
    assert (id_, what) == (letter[:8], "operation.started → pair (gone@example.com)")
    assert (len(day), len(clock), zone in ("CET", "CEST")) == (10, 8, True)
    assert [line.strip().partition(":")[0] for line in rest] == [f"{ANALYSIS}, 1 attempt", "refused for good"]
    assert rest[1].endswith("on this side of the mail system")


async def test_the_list_comes_as_json(running_stage: Stage, letter: str) -> None:
    body_id = await quarantined(running_stage, {"no": "operation"})

    facts = (await dead(running_stage, "list", "--json")).facts

    [one], [other] = facts["dead"], facts["quarantined"]
    assert (one["id"], one["operation"], one["reason"], one["attempts"]) == (letter, ANALYSIS, "rejected", 1)
    assert one["body"]["document"]["event"] == "operation.started"
    assert (other["id"], other["source"], other["body"]) == (body_id, "async-operations", '{"no": "operation"}')


async def test_a_longer_list_says_that_there_is_more(running_stage: Stage, letter: str) -> None:
    running_stage.around.inbox.answer("gone@example.com", REFUSED)
    await running_stage.post(body("operation.started", 0, operationId="op-2") | {"tenantId": "pair"})
    await running_stage.around.settled()

    done = await dead(running_stage, "list", "-n", "1")

    assert "Older ones that are not shown: 1; -n shows more." in done.out


async def test_text_from_strangers_cannot_steer_the_terminal(running_stage: Stage) -> None:
    name = await quarantined(running_stage, "\x9b2J", "eventId: \x1b[2J\x07 [bold]is no name[/bold]\u202e")

    listed, shown, facts = [
        await dead(running_stage, *arguments)
        for arguments in (("list",), ("show", name), ("show", name, "--json"))
    ]  # fmt: skip

    for done in (listed, shown, facts):
        assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(done.out)
    assert "[bold]is no name[/bold]" in listed.out
    assert facts.facts["reason"] == "eventId: \x1b[2J\x07 [bold]is no name[/bold]\u202e"


async def test_one_is_shown_with_its_event_by_its_short_id(running_stage: Stage, letter: str) -> None:
    done = await dead(running_stage, "show", letter[:8])

    head, document = done.out.split("\n\n", 1)
    assert done.status == 0
    assert f"id         {letter}\n" in head
    assert "550 5.7.1 Mail like this is not wanted here" in head
    assert json.loads(document)["operation"]["operationId"] == ANALYSIS


async def test_a_digest_is_shown_with_all_that_it_would_have_told(running_stage: Stage) -> None:
    running_stage.around.inbox.answer("gone@example.com", REFUSED)
    now = await running_stage.around.store.time()
    window = Window(now - 86_400, now - 1)
    target = mail("gone@example.com", destination="pair", how=Digest(windows=(window,)))
    await running_stage.around.store.accept(completed(), [target])
    await running_stage.around.settled()
    [letter] = await running_stage.around.admin.dead()

    listed, shown = await dead(running_stage, "list"), await dead(running_stage, "show", letter.id)

    head, document = shown.out.split("\n\n", 1)
    assert f"{letter.id[:8]}  " in listed.out
    assert ", 1 attempt" not in listed.out
    assert "digest → pair (gone@example.com)" in head
    assert "operation" not in head
    assert [row["status"] for row in json.loads(document)["entries"]] == ["Completed"]


@pytest.mark.parametrize("length", [8, 20, 32])
async def test_an_id_may_be_cut_to_eight_characters(running_stage: Stage, letter: str, length: int) -> None:
    [one] = await entries_named(running_stage.around.admin, [letter[:length]])

    assert one.id == letter


@pytest.mark.parametrize("name", ["0123456", "00000000", "q-00000000", "nonsense", ""])
async def test_an_id_that_means_nothing_is_refused(running_stage: Stage, letter: str, name: str) -> None:
    with pytest.raises(RelayError, match=f"^{name} is neither dead nor quarantined; `relay dead list` shows what is$"):
        await entries_named(running_stage.around.admin, [name])


async def test_an_ambiguous_id_is_refused_with_all_it_may_mean(running_stage: Stage, letter: str) -> None:
    twin = letter[:8] + DIGEST[8:]  # nobody can wait for two digests that begin alike
    redis = running_stage.around.store.redis
    await redis.copy(f"{{relay}}:delivery:{letter}", f"{{relay}}:delivery:{twin}")
    await redis.zadd("{relay}:dead", {twin: 1})
    await redis.hincrby("{relay}:ledger", "dead", 1)

    with pytest.raises(RelayError, match=f"^{letter[:8]} may be any of {letter}, {twin}$"):
        await entries_named(running_stage.around.admin, [letter[:8]])


@pytest.mark.parametrize(
    ("name", "typed"),
    [(DIGEST, "01234567"), (f"{DIGEST}-reply", "01234567-reply"), ("q-0123456789abcdef", "q-01234567"), ("?", "?")],
)
def test_the_short_id_keeps_what_tells_it_from_its_siblings(name: str, typed: str) -> None:
    assert short(name) == typed


async def test_a_dry_run_says_what_would_be_replayed_and_does_nothing(running_stage: Stage, letter: str) -> None:
    done = await dead(running_stage, "replay", letter, "--dry-run")

    assert (done.status, done.out) == (0, f"would replay {letter[:8]}  operation.started → pair (gone@example.com)\n")
    assert await count(running_stage, "dead") == 1


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        (["--destination", "pair"], 1),
        (["--destination", "pair", "--event", "operation.*", "--reason", "rejected", "--since", "2h"], 1),
        (["--event", "operation.failed"], 0),
        (["--reason", "retries_exhausted"], 0),
        (["--reason", "quarantined"], 1),
        (["--reason", "fault"], 0),
        (["--event", "*.started"], 1),
        (["--since", "2 hours"], 2),
        (["--since", "2100-01-01T00:00"], 0),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
async def test_filters_say_which_are_meant(running_stage: Stage, letter: str, filters: list[str], count: int) -> None:
    await quarantined(running_stage, {"no": "operation"})

    listed = (await dead(running_stage, "list", "--json", *filters)).facts
    would = await dead(running_stage, "replay", "--dry-run", *filters)

    assert len(listed["dead"]) + len(listed["quarantined"]) == count
    *named, last = would.out.splitlines()
    assert (would.status, len(named)) == (0, count)
    assert last == (f"would replay {count} in all" if count else
                    "Nothing that is dead or quarantined is meant by these filters.")  # fmt: skip


async def test_what_a_filter_means_is_replayed_and_counted(running_stage: Stage, letter: str) -> None:
    body_id = await quarantined(running_stage, {"no": "operation"})

    done = await dead(running_stage, "replay", "--reason", "rejected", "--json")
    ledger = await running_stage.around.settled()

    assert (done.status, done.facts) == (0, {"replayed": [letter], "count": 1, "failed": {}, "waits": {}})
    assert ledger.counts["delivered"] == 2
    assert [one.id for one in await running_stage.around.admin.quarantined()] == [body_id]


async def test_a_destination_for_which_nothing_is_dead_gets_a_suggestion(running_stage: Stage, letter: str) -> None:
    done = await dead(running_stage, "replay", "--destination", "pear")

    assert (done.status, done.err) == (1, "there is no destination pear; did you mean pair?\n")


async def test_a_destination_of_the_configuration_for_which_nothing_is_dead_is_no_mistake(
    running_stage: Stage, letter: str
) -> None:
    done = await dead(running_stage, "replay", "--destination", "german", "--json")

    assert (done.status, done.facts["replayed"]) == (0, [])


async def test_what_relay_itself_failed_on_stands_first_and_can_be_named(running_stage: Stage) -> None:
    fault = await running_stage.around.admin.quarantine("ops", b"{}", {}, "KeyError at relay/x.py:1", fault=True)
    for number in range(3):
        await quarantined(running_stage, {"no": number})

    first = (await dead(running_stage, "list", "-n", "1", "--json")).facts["quarantined"]
    listed = await dead(running_stage, "list", "-n", "1")
    named = (await dead(running_stage, "list", "--reason", "fault", "--json")).facts["quarantined"]

    assert [entry["id"] for entry in first] == [entry["id"] for entry in named] == [fault]
    assert "Older ones that are not shown: 3; -n shows more." in listed.out


def test_a_time_is_read_by_the_clocks_of_the_configuration() -> None:
    noon = datetime(2024, 1, 20, 12, tzinfo=UTC).timestamp()

    read = [f"{moment(written, 'Europe/Berlin', noon).astimezone(UTC):%d %H:%M}"
            for written in ("2h", "90 min", "2024-01-20T12:40", "2024-01-20", "2024-01-20T12:40Z")]  # fmt: skip

    assert read == ["20 10:00", "20 10:30", "20 11:40", "19 23:00", "20 12:40"]


def test_what_is_no_time_is_wrong_use() -> None:
    done = CliRunner().invoke(main, ["dead", "list", "-c", str(CONFIG), "--since", "yesterday"])

    assert done.exit_code == 2
    assert "expected for instance 2h, or a time such as 2024-01-20T12:40" in " ".join(done.output.split())


@pytest.mark.parametrize("verb", ["list", "replay", "drop"])
@pytest.mark.parametrize("option", ["--destination", "--event", "--since"])
@pytest.mark.parametrize("value", ["", " "])
def test_a_filter_of_nothing_is_wrong_use_and_not_everything(verb: str, option: str, value: str) -> None:
    # What a shell makes of --event "$UNSET".
    done = CliRunner().invoke(main, ["dead", verb, "-c", str(CONFIG), option, value])

    assert done.exit_code == 2
    assert f"'{option}': it is empty; say which, or leave the option out" in done.output


@pytest.mark.parametrize("number", ["20261124", "0", "1.5"])
def test_a_number_alone_is_no_time(number: str) -> None:
    done = CliRunner().invoke(main, ["dead", "list", "-c", str(CONFIG), "--since", number])

    assert done.exit_code == 2
    assert "a number alone has no unit" in done.output


async def test_a_replay_delivers_once_however_often_it_is_asked_for(running_stage: Stage, letter: str) -> None:
    first = await dead(running_stage, "replay", letter[:8])
    mails = await running_stage.around.mails(2)
    second = await dead(running_stage, "replay", letter)

    assert (first.status, first.out) == (0, f"replayed {letter[:8]}  operation.started → pair (gone@example.com)\n")
    assert (second.status, second.out) == (1, "")
    assert sorted(mail.recipient for mail in mails) == ["gone@example.com", "here@example.com"]


async def test_one_unknown_id_among_several_stops_all(running_stage: Stage, letter: str) -> None:
    done = await dead(running_stage, "replay", letter, "00000000")

    assert done.status == 1
    assert done.err.startswith("00000000 is neither dead nor quarantined")
    assert await count(running_stage, "dead") == 1


async def test_a_quarantined_event_that_makes_sense_by_now_is_delivered(running_stage: Stage) -> None:
    name = await quarantined(running_stage, started("mail"))

    done = await dead(running_stage, "replay", name)

    assert (done.status, done.err) == (0, "")
    assert len(await running_stage.around.mails(2)) == 2
    assert await running_stage.around.admin.quarantined() == []


async def test_a_quarantined_event_that_still_makes_no_sense_stays(running_stage: Stage, letter: str) -> None:
    name = await quarantined(running_stage, {"no": "operation"})

    done = await dead(running_stage, "replay", "--all", "--json")

    assert done.status == 1
    assert done.facts["replayed"] == [letter]
    assert done.facts["failed"][name].startswith("is still refused: ")
    assert [one.id for one in await running_stage.around.admin.quarantined()] == [name]


async def test_what_is_dropped_is_gone_and_the_ledger_knows_it(running_stage: Stage, letter: str) -> None:
    await quarantined(running_stage, {"no": "operation"})

    done = await dead(running_stage, "drop", "--all")

    ledger = await running_stage.around.ledger()
    assert (done.status, done.out.splitlines()[2:]) == (0, ["dropped 2 in all"])
    assert (ledger.counts["dead"], ledger.counts["dropped"], ledger.imbalance) == (0, 1, 0)
    assert await running_stage.around.admin.quarantined() == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "name at least one id, or say --all or a filter"),
        ([DIGEST, "--event", "*"], "either name ids, or say --all"),
        (["--all", DIGEST], "either name ids, or say --all"),
    ],
)
@pytest.mark.parametrize("verb", ["replay", "drop"])
def test_it_must_be_clear_what_is_meant(verb: str, arguments: list[str], says: str) -> None:
    done = CliRunner().invoke(main, ["dead", verb, "-c", str(CONFIG), *arguments])

    assert done.exit_code == 2
    assert says in done.output


async def test_without_a_running_relay_it_says_how_to_start_one(running_stage: Stage, tmp_path: Path) -> None:
    done = await dead(running_stage, "list", RELAY_REDIS_URL="", STAGE_DATA=str(tmp_path))

    assert (done.status, done.out) == (1, "")
    assert "start `relay serve` first" in done.err
    assert "Traceback" not in done.err


async def test_a_letter_to_a_suppressed_address_stays_and_what_ends_that_is_said(
    running_stage: Stage, letter: str
) -> None:
    env = running_stage.around.env
    await relay("suppressed", "add", "gone@example.com", "-c", CONFIG, env=env)
    dry_run = await dead(running_stage, "replay", letter, "--dry-run")
    refused = await dead(running_stage, "replay", letter)
    still = [one.id for one in await running_stage.around.admin.dead()]
    await relay("suppressed", "remove", "gone@example.com", "-c", CONFIG, env=env)
    await relay("pause", "pair", "--reason", "Move", "-c", CONFIG, env=env)
    replayed = await dead(running_stage, "replay", letter)

    lift = "`relay suppressed remove gone@example.com` first"
    assert (dry_run.status, dry_run.out, dry_run.err) == (refused.status, refused.out, refused.err)
    assert (refused.status, refused.out) == (1, "")
    assert refused.err == f"{short(letter)}: gone@example.com is suppressed: {lift}\n"
    assert still == [letter]
    assert replayed.status == 0
    assert "  it waits: pair is paused (Move); `relay resume pair` ends that" in replayed.out.splitlines()
