"""The way of commands to the running relay: its socket in data_dir, or a URL with a token."""

import asyncio
import os
import re
import socket
from pathlib import Path

import pytest
from aiohttp import web

from relay.app import GRACE
from relay.console.command_socket import CommandSocket
from relay_sandbox.standins.slack import Fault
from tests.cli.asking import Commands
from tests.cli.serving import change, started
from tests.support.audit import acts_of
from tests.support.auth import LOOKER, TOKEN, TOKENS
from tests.support.events import body
from tests.support.inprocess import relay, relay_beside
from tests.support.redis_server import RedisServer
from tests.support.stage import CONFIG, Stage, running, stage, surroundings
from tests.support.waiting import until


def left_behind(path: Path) -> None:
    """A socket whose relay is dead."""
    path.parent.mkdir(exist_ok=True)
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(path))


def sockets(running_stage: Stage) -> list[str]:
    return sorted(path.name for path in Path(running_stage.around.env["STAGE_DATA"]).glob("relay*.sock"))


async def test_its_owner_alone_asks_without_a_token_and_without_secrets(running_stage: Stage) -> None:
    data = running_stage.around.env["STAGE_DATA"]
    by_config = await relay_beside("health", "-c", CONFIG, env={"STAGE_DATA": data})
    by_directory = await relay_beside("health", "--json", env={"RELAY_DATA_DIR": data})

    assert (by_config.exit_code, by_config.output.splitlines()[0]) == (0, "relay takes events.")
    assert '"ready": true' in by_directory.output
    assert (Path(data) / "relay.sock").stat().st_mode & 0o777 == 0o600


async def test_where_no_relay_answers_it_says_what_was_tried(data_dir: str, tmp_path: Path) -> None:
    left_behind(Path(data_dir) / "relay.sock")
    nothing, relative, dead, elsewhere, wrong = (
        relay("status", env={"RELAY_DATA_DIR": str(tmp_path / "none")}),
        relay("status", env={"RELAY_DATA_DIR": "none"}),
        relay("status", env={"RELAY_DATA_DIR": data_dir}),
        relay("status", "--url", "http://127.0.0.1:9"),
        relay("status", "--url", "127.0.0.1"),
    )

    assert "data_dir none is relative to where relay was started" in relative.output
    assert nothing.exit_code == dead.exit_code == elsewhere.exit_code == 1
    assert f"no relay answers at {tmp_path}/none/relay.sock: there is no such file. `relay serve`" in nothing.output
    assert "relay.sock: nobody listens there any more" in dead.output
    assert elsewhere.output == "no relay answers at http://127.0.0.1:9: nobody listens there\n"
    assert (wrong.exit_code, "expected an address such as" in wrong.output) == (2, True)


@pytest.mark.parametrize("character", ["\n", "\r", "\x7f", "é", "\N{ZERO WIDTH SPACE}"])
def test_a_token_that_is_none_is_refused_without_being_quoted(character: str) -> None:
    refused = relay("status", "--url", "http://127.0.0.1:9", env={"RELAY_TOKEN": f"{TOKEN}{character}{LOOKER}"})

    assert (refused.exit_code, "expected printable ASCII" in refused.output) == (2, True)
    assert not {TOKEN, LOOKER} & set(re.split(r"\W+", refused.output))


async def test_a_second_relay_has_a_socket_of_its_own_and_what_dead_ones_left_goes(running_stage: Stage) -> None:
    around = running_stage.around
    stale = Path(around.env["STAGE_DATA"]) / "relay-1.sock"
    left_behind(stale)

    async with running(around):
        both = sockets(running_stage)
        reloaded = await relay_beside("reload", "-c", CONFIG, env=around.env)
    left = sockets(running_stage)

    assert both == [f"relay-{os.getpid()}.sock", "relay.sock"]
    assert reloaded.output.count("The configuration was read again and is in use: ") == 2
    assert left == ["relay.sock"]


async def test_where_data_dir_takes_no_socket_a_token_is_the_way(redis_server: RedisServer, config: Path) -> None:
    change(config, "\nrules:\n", f"\nconsole:\n{TOKENS}\nrules:\n")
    async with (
        surroundings(redis_server.url, STAGE_DATA=f"/proc/{'long' * 30}") as around,
        running(around, config) as it,
    ):
        host, port = it.admin_addresses[0]
        url = f"http://{host}:{port}"
        public_url = "http://{}:{}".format(*it.addresses[0])
        known, looker = {"RELAY_TOKEN": TOKEN}, {"RELAY_TOKEN": LOOKER}
        refused, public = [await relay_beside("health", "--url", address) for address in (url, public_url)]
        asked, reloaded = [await relay_beside(command, "--url", url, env=known) for command in ("health", "reload")]
        looking = await relay_beside("console", "link", "--url", url, env=looker)
        [act] = await until(lambda: acts_of(around.store.redis))

    assert (looking.exit_code, looking.output) == (1, "This needs the role operator; wallboard is viewer.\n")
    assert (refused.exit_code, "Set RELAY_TOKEN to a token of console.tokens" in refused.output) == (1, True)
    assert (public.exit_code, "it is not the address of the operators' listener" in public.output) == (1, True)
    assert (asked.output.splitlines()[0], reloaded.exit_code) == ("relay takes events.", 0)
    assert (act.actor, act.action, act.detail["by"]) == ("deploy", "reload", "console (token)")


async def test_a_command_that_does_not_end_does_not_hold_up_a_stop(data_dir: str) -> None:
    began = asyncio.Event()

    async def hang(_request: web.Request) -> web.Response:
        began.set()
        await asyncio.Event().wait()
        raise AssertionError

    api = web.Application()
    api.router.add_get("/hang", hang)
    commands = CommandSocket(api)
    await commands.open(Path(data_dir))
    reader, writer = await asyncio.open_unix_connection(f"{data_dir}/relay.sock")
    writer.write(b"GET /api/v1/hang HTTP/1.1\r\nHost: relay\r\n\r\n")
    await began.wait()

    await asyncio.wait_for(commands.aclose(), GRACE)

    assert await reader.read() == b""
    writer.close()


async def test_status_is_the_consoles_first_page(cli: Commands, running_stage: Stage) -> None:
    around = cli.around
    around.slack.outages["*"] = Fault("invalid_auth")
    around.inbox.answer("gone@example.com", "550 5.1.1 Nobody has that name here")
    await running_stage.post(started())
    await running_stage.post(body("operation.failed", 40, operationId="op-2", status="Failed") | {"tenantId": "pair"})

    async def shown() -> object:
        done = await cli("status")
        return done if "failing" in done.output and "1 dead letter," in done.output else None

    done = await until(shown)
    facts = await cli.facts("status")

    assert done.exit_code == 0
    said = "1 thing needs attention, 1 message became a dead letter"
    for part in (said, "channel slack: ", "invalid_auth", "1 running", "1 for slack", "Failed"):
        assert part in done.output
    assert facts["headline"]["tone"] == "bad"


async def test_health_leaves_with_0_while_relay_takes_events_and_says_what_stands_in_the_way() -> None:
    with RedisServer() as redis:
        async with stage(redis.url) as it:
            cli = Commands(it.around)

            async def ticked() -> object:  # until the scheduler's first run, a moment after the start, it says so
                done = await cli("health")
                return done if "scheduler" not in done.output else None

            well = await until(ticked)
            redis.pause()

            async def ill() -> object:
                done = await cli("health")
                return done if done.exit_code else None

            said, facts = await until(ill), await cli.facts("health")
            redis.resume()

    assert (well.exit_code, well.output) == (0, "relay takes events.\n")
    assert said.output.startswith("relay takes no events now.\n  redis: ")
    assert facts["ready"] is False
