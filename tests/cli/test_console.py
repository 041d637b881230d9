"""relay console: a link that lets one in."""

import json
from pathlib import Path

from click.testing import Result

from relay.store.audit import AuditTrail
from relay.store.sessions import Link, Sessions
from tests.support.inprocess import relay_beside
from tests.support.serving import change
from tests.support.stage import CONFIG, Stage, Surroundings, running

TOKEN = "Yq3x7Wc1Lf9Zk2Rb8Vt5Nh4Dm6Gs0Jp"


async def link(around: Surroundings, *arguments: str, file: Path = CONFIG) -> Result:
    env = {**around.env, "RELAY_ACTOR": "jana@host-1"}
    return await relay_beside("console", "link", "-c", file, *arguments, env=env)


async def test_a_link_is_printed_audited_and_lets_one_in(running_stage: Stage) -> None:
    around = running_stage.around
    done = await link(around)
    facts = json.loads((await link(around, "--role", "operator", "--json")).output)

    address, sessions = done.stdout.strip(), Sessions(around.store)
    assert address.startswith(f"{running_stage.admin_url}/console/enter/")
    assert "It lets one viewer in, once, within 10 minutes." in done.stderr
    assert await sessions.take(address.rpartition("/")[2]) == Link("viewer", "jana@host-1")
    assert await sessions.take(facts["link"].rpartition("/")[2]) == Link("operator", "jana@host-1")
    entry, _ = await AuditTrail(around.store.redis).entries()
    assert (entry.actor, entry.action, entry.subject, entry.outcome) == (
        "jana@host-1", "console link", "viewer", "done",
    )  # fmt: skip
    assert address.rpartition("/")[2] not in str(entry)


async def test_where_the_console_is_off_there_is_none(around: Surroundings, config: Path) -> None:
    change(config, "server: {", f"server: {{admin: {{host: 0.0.0.0, port: 0, token: {TOKEN}}}, ")
    async with running(around, config):
        done = await link(around, file=config)

    assert done.exit_code == 1
    assert "the console is off: server.admin listens on 0.0.0.0, and nothing is configured under console" in done.output
    assert await AuditTrail(around.store.redis).entries() == []
