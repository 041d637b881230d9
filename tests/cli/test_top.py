"""relay top: the console's first page in a terminal; what is shown, and how it is kept up to date."""

import json
import signal
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from relay.cli.glance import keys
from relay.cli.glance.keys import Keys
from relay.cli.glance.onlooker import OF_ONE_PROCESS, Onlooker, as_json
from relay.cli.glance.picture import headline, picture
from relay.cli.glance.sheet import ASCII, BLOCKS, Letters, Line, Sheet, letters_of
from relay.cli.glance.view import View
from relay.cli.session import StoreSession
from relay.console.phrases import phrase
from relay.console.views.now import NowFacts
from relay.console.views.obstacles import Obstacle
from relay.console.views.operations import OperationListed
from relay.console.views.parts import ChannelHealth, DestinationHealth, SourceHealth, StoreHealth, Throttled
from relay.console.views.running import STALLED, RunFacts
from relay.domain.runs import Alarm, Alarms
from relay.store import Store
from relay.store.admin import Admin
from tests.support.clock import Clock
from tests.support.commands import relay
from tests.support.console import console, stage_config
from tests.support.events import body, event_of
from tests.support.redis_server import RedisServer
from tests.support.screens import COLOUR, on_screen
from tests.support.stage import CONFIG, Stage, Surroundings, surroundings
from tests.support.waiting import until

NOON = datetime(2024, 1, 20, 11, 20, tzinfo=UTC)
HOSTILE = "\x1b]0;title\x07\x1b[2J\r\nname\x9b31m\u202e [red]markup[/red] \x00"


def run(operation: str, **changes: Any) -> RunFacts:
    usual = {"operation": operation, "tenant": "", "project": "", "platform": "", "name": f"Analysis {operation}",
             "type": "ProcessMiningAnalysis", "priority": "Normal", "status": "Running", "percentage": 50.0,
             "phase": "Process Discovery", "started": NOON - timedelta(minutes=30), "heard": NOON,
             "ends": NOON + timedelta(minutes=12), "late": False, "stalled": "", "stalled_since": None,
             "trouble": None}  # fmt: skip
    return RunFacts(**{**usual, **changes})


def stalled(operation: str, **changes: Any) -> RunFacts:
    since = NOON - timedelta(minutes=20)
    return run(operation, stalled="silent", stalled_since=since, trouble=phrase(STALLED["silent"]), **changes)


def facts(*runs: RunFacts, **changes: Any) -> NowFacts:
    usual = {"ready": True, "checks": {}, "obstacles": [], "durability": "fsync", "running": len(runs),
             "waiting": {"slack": 3}, "ledger": {"accepted": 12, "delivered": 9, "pending": 3}, "runs": [*runs],
             "sources": [source("builds"), source("nightly")],
             "channels": [ChannelHealth(name="slack", state="works", since=None, why="", waiting=3, parked=0,
                                        oldest_due=NOON - timedelta(minutes=3))],
             "destinations": [destination("team")],
             "redis": StoreHealth(memory=5 << 20, fullness=0.25, replicas=1, partitions=1, away=0, aof_failing=False,
                                  last_tick=NOON)}  # fmt: skip
    return NowFacts(**{**usual, **changes})


def destination(name: str, **changes: Any) -> DestinationHealth:
    usual = {"name": name, "channel": "slack", "addresses": 1, "state": "works", "failing": 0, "since": None, "why": "",
             "parked": 0, "last_delivered": NOON - timedelta(minutes=5)}  # fmt: skip
    return DestinationHealth(**{**usual, **changes})


def source(name: str, **refused: int) -> SourceHealth:
    return SourceHealth(name=name, accepted=0, duplicates=0, late=0, refused=0, refused_today=refused,
                        last_refused=NOON if refused else None)  # fmt: skip


def obstacle(name: str, text: str) -> Obstacle:
    return Obstacle(name=name, part=phrase("%(text)s", text=name), sentence=phrase("%(text)s", text=text),
                    since=NOON - timedelta(hours=2),
                    advice=phrase("Look at what failed."), page="")  # fmt: skip


def failure(name: str, **changes: Any) -> OperationListed:
    usual = {"operation": "op-9", "name": name, "type": "", "priority": "Critical", "tenant": "", "project": "",
             "platform": "", "batch": "", "is_batch": False, "status": "Failed", "state": "over", "percentage": None,
             "phase": "", "first": NOON, "last": NOON - timedelta(minutes=1)}  # fmt: skip
    return OperationListed(**{**usual, **changes})


def everything(text: str) -> NowFacts:
    """Where all that others can name has this name."""
    paused = {"state": "failing", "failing": 2, "addresses": 3, "why": text, "since": NOON, "parked": 4}
    return facts(
        stalled("op-1", name=text, phase=text, late=True), run(text, name="", tenant=text),
        obstacles=[obstacle(text, text * 5)],
        destinations=[destination(text, channel=text, **paused)],
        channels=[ChannelHealth(name=text, state="failing", since=NOON, why=text, waiting=1, parked=0,
                                oldest_due=None)],
        throttled=[Throttled(name=text, since=NOON, why=text)],
        sources=[source(text, **{text: 3}), source(text)],
        failed=12, failures=[failure(text, priority=text)],
        ready=False, durability=text, imbalance=1, dead=7,
    )  # fmt: skip


def shown(of: NowFacts, width: int = 80, pattern: str = "", letters: Letters = BLOCKS) -> list[str]:
    sheet = Sheet(width, NOON, "UTC", letters)
    return [headline(of, sheet).plain, *(line.text.plain.rstrip() for line in picture(of, sheet, pattern))]


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
@pytest.mark.parametrize("text", ["Monthly report of the north", "月次レポート" * 12, "x" * 300, ""], ids=len)
def test_no_line_is_wider_than_the_terminal(width: int, text: str) -> None:
    assert [line for line in shown(everything(text), width) if cell_len(line) > width] == []


@pytest.mark.parametrize("width", [40, 80, 200])
def test_what_strangers_named_steers_no_terminal(width: int) -> None:
    lines = shown(everything(HOSTILE), width, pattern="n\x1b[2J" if width == 200 else "")

    assert all(line.isprintable() for line in lines)
    assert width == 40 or any("[red]markup[/red]" in line for line in lines)


def test_a_stalled_run_says_what_is_wrong_and_since_when_below_its_bar() -> None:
    lines = shown(facts(stalled("op-1"), run("op-2", late=True, ends=NOON - timedelta(minutes=5)), stalled=1))

    first = next(number for number, line in enumerate(lines) if "Analysis op-1" in line)
    assert "█████░░░░░  50%" in lines[first]
    assert "Process Discovery" in lines[first]
    assert lines[first].endswith("in 12m")
    assert lines[first + 1].strip() == "stalled: nothing was heard of it since 11:00, 20m ago"
    assert lines[first + 2].endswith("late: 5m ago")
    assert lines[0].startswith("✔ Messages go out, and some want a look  11:20:00 UTC")


def test_on_forty_columns_a_run_keeps_its_name_its_bar_and_what_is_wrong() -> None:
    lines = shown(facts(run("op-1", late=True, ends=NOON - timedelta(minutes=5), percentage=81.0)), 40)

    first = next(number for number, line in enumerate(lines) if "Analysis op-1" in line)
    assert lines[first].endswith("████░  81%")
    assert lines[first + 1].strip() == "later than usual: 5m ago"


def test_what_stands_in_the_way_is_first_with_since_when_and_what_to_do() -> None:
    lines = shown(facts(obstacles=[obstacle("destination:team/#team", "channel_not_found")]))

    assert lines[0].startswith("✘ 1 thing stands in the way")
    assert lines[1:4] == [
        "  destination:team/#team  channel_not_found  since 09:20, 2h ago",
        "    Look at what failed.",
        "0 running · 0 stalled · 3 waiting to be sent · 0 dead letters · 0 in quarantine",
    ]


def test_what_failed_in_the_last_day_is_above_what_runs() -> None:
    lines = shown(facts(run("op-1"), failed=1, failures=[failure("Report of the north")]))

    assert lines[0].startswith("✘ 1 operation failed in the last 24 hours")
    assert lines[2:4] == ["Failed in the last 24 hours", "  Report of the north  Failed Critical  60s ago"]


def test_how_far_back_failures_were_looked_for_is_said() -> None:
    cut = {"failed_since": NOON - timedelta(hours=2)}
    lines = shown(facts(failed=1, failures=[failure("Report of the north")], **cut))

    assert lines[2] == "Failed in the last 24 hours  at least 1, back to 09:20"
    assert shown(facts(**cut))[2] == "Failed in the last 24 hours  at least 0, back to 09:20"


def test_destinations_sources_redis_and_the_ledger_say_how_they_are() -> None:
    paused = destination("room", state="failing", failing=1, addresses=2, why="not_in_channel", since=NOON, parked=1)
    sources = [source("builds", unsigned=12), source("nightly")]
    text = "\n".join(shown(facts(destinations=[paused, destination("team")], sources=sources), 120))

    assert "  slack channel  works  3 wait, the oldest due 3m ago" in text
    assert "  room slack     failing: not_in_channel  since 11:20, just now, 1 of 2 addresses  1 waits" in text
    assert "  team slack     works  last arrived 5m ago" in text
    assert "  builds  refused today: 12 " in text
    assert "  nothing refused today: nightly" in text
    assert "  fsync · 5.0 MiB, 25% of its maxmemory · 1 replica · 1 partition · scheduler ran just now" in text
    assert "  adds up · 12 accepted · 9 delivered · 3 pending" in text


def test_a_destination_that_a_person_has_paused_says_who_and_why() -> None:
    paused = destination("team", state="paused", by="ana", why="upgrade of \x1b[2J the workspace", since=NOON)
    text = "\n".join(shown(facts(destinations=[paused, destination("room")]), 120))

    assert "  team slack     paused by ana: upgrade of " in text
    assert "  room slack     works  " in text


def test_a_filter_leaves_the_runs_and_parts_that_have_it() -> None:
    text = "\n".join(shown(facts(run("op-1"), run("op-2", phase="Visualization"), running=900), pattern="visual"))

    assert "Running operations  1 with visual among 2 of 900" in text
    assert "Analysis op-2" in text
    assert "op-1" not in text
    assert "Destinations" not in text
    assert "team" in "\n".join(shown(facts(run("op-1")), pattern="TEAM"))


def test_where_blocks_cannot_be_written_there_is_ascii_alone() -> None:
    assert (letters_of("utf-8"), letters_of("ascii"), letters_of("latin-1"), letters_of(None)) == (
        BLOCKS, ASCII, ASCII, ASCII,
    )  # fmt: skip
    lines = shown(everything("Report of the north"), 60, letters=ASCII)
    assert all(line.isascii() for line in lines)
    assert any("#####-----  50%" in line for line in lines)


def pressed(*pieces: bytes) -> list[str]:
    reader = Keys()
    return [key for piece in pieces for key in reader.pressed(piece)]


@pytest.mark.parametrize(
    ("pieces", "names"),
    [
        ([b"\x1b[A\x1bOBj"], [keys.UP, keys.DOWN, "j"]),
        ([b"\x1b[", b"5", b"~q"], [keys.PAGE_UP, "q"]),
        ([b"\xc3", b"\xa4"], ["ä"]),
        (["ä€😀".encode()], ["ä", "€", "😀"]),
        ([b"\x1b"], [keys.ESCAPE]),
        ([b"\xff\xfe\r"], [keys.ENTER]),
        ([b"\x1b[" + b"1" * 40, b"q"], [*"[", *"1" * 40, "q"]),
    ],
    ids=str,
)
def test_keys_are_known_however_they_are_cut(pieces: Sequence[bytes], names: list[str]) -> None:
    assert [key for key in pressed(*pieces) if key != keys.ESCAPE or names == [keys.ESCAPE]] == names


def view_of(lines: Sequence[Line], *pressed: str, height: int = 10) -> View:
    view = View(height=height)
    for key in pressed:
        view.press(key, lines)
    return view


def test_arrows_choose_runs_and_scroll_where_there_are_no_more() -> None:
    lines = picture(facts(*(run(f"op-{number}") for number in range(20))), Sheet(80, NOON, "UTC"))

    assert view_of(lines, keys.DOWN).chosen[-1] == "op-0"
    assert view_of(lines, *"jjk").chosen[-1] == "op-0"
    twelfth = view_of(lines, *[keys.DOWN] * 12)
    assert twelfth.chosen[-1] == "op-11"
    assert any(line.run == twelfth.chosen for line in twelfth.shown(lines))
    end = view_of(lines, *[keys.DOWN] * 100)
    assert (end.chosen[-1], end.top) == ("op-19", len(lines) - 10)
    assert view_of(lines, *[keys.DOWN] * 100, *[keys.UP] * 100).top == 0
    assert view_of(lines, keys.END, keys.HOME, keys.PAGE_DOWN).top == 9


def test_a_run_stays_chosen_when_others_end_and_a_shorter_picture_is_not_left() -> None:
    sheet, many = Sheet(80, NOON, "UTC"), [run(f"op-{number}") for number in range(30)]
    view = view_of(picture(facts(*many), sheet), *[keys.DOWN] * 30)
    fewer = picture(facts(many[-1]), sheet)

    assert view.chosen[-1] == "op-29"
    assert [line for line in view.shown(fewer) if line.run == view.chosen]


def test_where_there_is_nothing_to_filter_no_filter_begins() -> None:
    story = View(filters=False)
    for key in "/q":
        story.press(key, [])

    assert (story.typing, story.pattern) == (False, "")


def test_letters_belong_to_the_filter_while_that_is_typed() -> None:
    typed = view_of([], "/", *"qj k", keys.ERASE, keys.ENTER)

    assert (typed.pattern, typed.typing) == ("qj ", False)
    assert view_of([], "/", "q", keys.ESCAPE).pattern == ""
    assert view_of([], "/", "q", keys.ENTER, keys.ESCAPE).pattern == ""


async def test_it_says_the_same_as_the_console_and_leaves_no_trace(store: Store, clock: Clock) -> None:
    async with console(store, clock) as open_console:
        await open_console.ingest.ingest(event_of(body("operation.progress", 67)))
        alarms = Alarms(open={"silent": Alarm(at=clock(), since=clock() - 1200)}, episode=1)
        quiet = event_of(body("operation.stalled", 5, operationId="op-1", status="Stalled"), source="relay")
        watch = {"was": "", "becomes": alarms.dump(), "open": True, "since": round((clock() - 1200) * 1000)}
        await open_console.ingest.ingest(replace(quiet, watch=watch))
        on_page = await open_console.api("/now")
        before = {key: await store.redis.dump(key) for key in await store.redis.keys()}

        session = StoreSession(stage_config(), store, Admin(store), clock)
        in_terminal = dict(as_json(await Onlooker(session).look()))
        after = {key: await store.redis.dump(key) for key in await store.redis.keys()}

    for row in on_page["sources"]:
        for name in OF_ONE_PROCESS:
            del row[name]
    for of in (on_page, in_terminal):
        del of["redis"]["memory"]
        of["checks"] = {name: text for name, text in of["checks"].items() if name != "redis"}
    assert in_terminal == on_page
    assert after == before


@pytest.mark.slow
class TestOnATerminal:
    async def test_it_is_kept_up_to_date_and_leaves_the_terminal_as_it_was(self, running_stage: Stage) -> None:
        env = running_stage.around.env
        await running_stage.post(body("operation.started", 0, operationName="North", status="Initiated"))
        async with on_screen("top", "-c", CONFIG, "--interval", "0.5", env=env) as screen:
            await screen.shows("1 running", "North", "q quit")
            await running_stage.post(body("operation.progress", 67, operationName="North"))
            await screen.shows("North", "██████░░░░  67%")
            assert len(screen.lines) == 24
            screen.type("j")
            await screen.shows("▶ North")
            screen.type("\r")
            await screen.shows("operation.started", "Esc back")
            screen.type("\x1b")
            await screen.shows("▶ North", "q quit")
            screen.type("/south\r")
            await screen.shows("0 with south", "none")
            screen.resize(40, 12)
            await screen.shows("1 running")
            screen.type("q")

            assert await screen.ended() == 0
            assert screen.as_before

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
    async def test_so_does_whoever_ends_it(self, running_stage: Stage, number: signal.Signals) -> None:
        async with on_screen("top", "-c", CONFIG, env=running_stage.around.env) as screen:
            await screen.shows("0 running")
            screen.command.send_signal(number)

            assert await screen.ended() == 0
            assert screen.as_before
            assert "Traceback" not in screen.wrote

    async def test_it_gives_the_terminal_back_while_it_is_suspended(self, running_stage: Stage) -> None:
        async with on_screen("top", "-c", CONFIG, env=running_stage.around.env) as screen:
            await screen.shows("0 running")
            screen.command.send_signal(signal.SIGTSTP)
            await until(lambda: Path(f"/proc/{screen.command.pid}/stat").read_text().rpartition(") ")[2][0] == "T")
            await until(lambda: screen.as_before)  # what it wrote last is read a moment later
            screen.command.send_signal(signal.SIGCONT)
            await until(lambda: screen.wrote.count("\x1b[?1049h") == 2)
            screen.type("q")
            assert await screen.ended() == 0
            assert screen.as_before

    async def test_neither_a_name_nor_what_happened_to_it_steers_the_terminal(self, running_stage: Stage) -> None:
        named = {"operationName": f"North {HOSTILE}", "currentPhase": HOSTILE}
        await running_stage.post(body("operation.failed", 67, status="Failed", error=HOSTILE, **named))
        await running_stage.post(body("operation.progress", 67, operationId="op-2", **named))
        async with on_screen("top", "-c", CONFIG, env=running_stage.around.env, columns=200) as screen:
            await screen.shows("North", "[red]markup[/red]")
            screen.type("j\r")
            await screen.shows("operation.progress", "Esc back")
            screen.type("q")
            assert await screen.ended() == 0
        for steering in ("\x1b]", "\x1b[2J", "\x07", "\x9b", "\x00", "\u202e"):
            assert steering not in screen.wrote

    async def test_without_colours_nothing_is_coloured(self, running_stage: Stage) -> None:
        env = {**running_stage.around.env, "NO_COLOR": "1"}
        async with on_screen("top", "-c", CONFIG, env=env) as screen:
            await screen.shows("0 running", "Redis")
            assert not COLOUR.search(screen.wrote)
            screen.type("q")
            assert await screen.ended() == 0

    async def test_a_redis_that_goes_is_said_and_one_that_comes_back_is_shown(self) -> None:
        with RedisServer(appendonly="yes") as server:
            async with (
                surroundings(server.url) as around,
                on_screen("top", "-c", CONFIG, "--interval", "0.5", env=around.env) as screen,
            ):
                await screen.shows("0 running")
                server.stop()
                await screen.shows("relay takes no events now", "See that Redis runs", "since ")
                assert "0 running" not in screen.text
                server.start()
                await screen.shows("0 running")
                screen.type("q")
                assert await screen.ended() == 0

    async def test_what_cannot_be_looked_at_is_refused_on_the_usual_screen(self, around: Surroundings) -> None:
        env = {**around.env, "RELAY_REDIS_URL": "unix:///nowhere.sock"}
        async with on_screen("top", "-c", CONFIG, env=env) as screen:
            assert await screen.ended() == 1
            assert screen.as_before
            assert "nowhere.sock" in screen.wrote.rpartition("\x1b[?1049l")[2]

    async def test_in_a_pipe_it_is_shown_once_and_whole(self, running_stage: Stage) -> None:
        env, name = running_stage.around.env, "Report of the north and of all that lies beyond it " * 3
        await running_stage.post(body("operation.progress", 67, operationName=name))

        done = await relay("top", "-c", CONFIG, env={**env, "NO_COLOR": ""})
        facts_ = await relay("top", "--json", "-c", CONFIG, env=env)

        assert (done.status, done.err) == (0, "")
        assert name.strip() in done.out
        assert "\x1b" not in done.out
        assert not [line for line in done.out.splitlines() if line != line.rstrip()]
        assert json.loads(facts_.out)["runs"][0]["percentage"] == 67.0
