"""relay console on a running relay: a link that lets one in."""

import json
from pathlib import Path

from aiohttp import ClientSession

from relay.console.access.login_flow import PURPOSE
from relay.store.sessions import Sessions
from tests.cli.asking import Commands
from tests.cli.serving import change
from tests.support.auth import TOKEN
from tests.support.stage import SIGNING, Stage, Surroundings, running

JANA = "jana@host-1"


async def test_a_link_is_printed_audited_and_lets_one_in(cli: Commands, running_stage: Stage) -> None:
    done = await cli("console", "link", RELAY_ACTOR=JANA)
    other = json.loads((await cli("console", "link", "--role", "operator", "--json", RELAY_ACTOR=JANA)).output)

    (address, secret), sessions = done.stdout.strip().rsplit("/", 1), Sessions(cli.store)
    assert address == f"{running_stage.admin_url}/console/enter"
    assert "It lets one viewer in, once, within 10 minutes." in done.stderr
    for token, role in ((secret, "viewer"), (other["link"].rpartition("/")[2], "operator")):
        id_, *facts, _ = SIGNING.redeem(PURPOSE, token)
        assert (facts, await sessions.take(id_)) == ([role, JANA], True)
    entry, _ = await cli.acts()
    assert (entry.actor, entry.action, entry.subject, entry.outcome) == (JANA, "console link", "viewer", "done")
    assert secret not in str(entry)


async def test_where_the_console_is_off_there_is_none(around: Surroundings, config: Path) -> None:
    change(config, "server: {", f"server: {{admin: {{host: 0.0.0.0, port: 0, token: {TOKEN}}}, ")
    cli = Commands(around, config)
    async with running(around, config):
        done = await cli("console", "link")

    assert done.exit_code == 1
    assert "the console is off: server.admin listens on 0.0.0.0, and nothing is configured under console" in done.output
    assert await cli.acts() == []


async def test_without_a_secret_there_is_none_and_the_console_is_off(around: Surroundings, config: Path) -> None:
    around.env = {**around.env, "RELAY_SECRET": ""}
    cli = Commands(around, config)
    async with running(around, config) as relay, ClientSession() as client:
        done = await cli("console", "link")
        host, port = relay.admin_addresses[0]
        async with client.get(f"http://{host}:{port}/console/login") as answer:
            status = answer.status

    assert (done.exit_code, status) == (1, 404)
    assert "the console is off: with redis.url it needs a secret, RELAY_SECRET (docs/configuration.md)" in done.output


async def test_the_command_of_keys_says_what_replaces_it(cli: Commands) -> None:
    done = await cli("keys", "rotate")

    assert done.exit_code == 2
    assert "there is no `relay keys`: RELAY_SECRET signs links and buttons" in done.output
