"""relay console and relay keys on a running relay: a link that lets one in, and the keys behind links and buttons."""

import json
from pathlib import Path

from relay.domain.links import issue
from relay.store.sessions import Link, Sessions
from relay.store.signing_keys import SigningKeys, name_of
from tests.cli.asking import Commands
from tests.cli.serving import change
from tests.support.auth import TOKEN
from tests.support.stage import Stage, Surroundings, running

JANA = "jana@host-1"


async def test_a_link_is_printed_audited_and_lets_one_in(cli: Commands, running_stage: Stage) -> None:
    done = await cli("console", "link", RELAY_ACTOR=JANA)
    other = json.loads((await cli("console", "link", "--role", "operator", "--json", RELAY_ACTOR=JANA)).output)

    (address, secret), sessions = done.stdout.strip().rsplit("/", 1), Sessions(cli.store)
    assert address == f"{running_stage.admin_url}/console/enter"
    assert "It lets one viewer in, once, within 10 minutes." in done.stderr
    assert await sessions.take(secret) == Link("viewer", JANA)
    assert await sessions.take(other["link"].rpartition("/")[2]) == Link("operator", JANA)
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


async def test_a_rotation_is_shown_and_audited_and_old_links_work(cli: Commands) -> None:
    old = await SigningKeys(cli.store).current()

    done, listed = await cli("keys", "rotate", "--keep", "30d"), await cli("keys", "list")

    again = SigningKeys(cli.store)
    new = await again.current()
    assert done.output == f"The new key is {name_of(new)}, in place of {name_of(old)}.\n"
    assert [line.split()[0] for line in listed.output.splitlines()[1:]] == [name_of(new), name_of(old)]
    assert await again.redeem("unsubscribe", issue(old, "unsubscribe", "analysts")) == ("analysts",)
    [act] = await cli.acts()
    assert (act.action, act.subject, act.outcome) == ("keys rotate", name_of(old), f"now {name_of(new)}")
    assert old.hex() not in done.output + listed.output + str(act)
