"""relay console and relay keys on a running relay: a link that lets one in, and the keys behind links and buttons."""

import json
from pathlib import Path
from secrets import token_hex

from click.testing import Result

from relay.coordinator import build_sealer
from relay.domain.links import issue
from relay.store import Store
from relay.store.sessions import Link, Sessions
from relay.store.signing_keys import SigningKeys, name_of
from tests.support.audit import acts_of
from tests.support.commands import relay
from tests.support.console import stage_config
from tests.support.inprocess import relay_beside
from tests.support.redis_server import RedisServer
from tests.support.serving import change
from tests.support.stage import CONFIG, Stage, Surroundings, running, surroundings

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
    entry, _ = await acts_of(around.store.redis)
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
    assert await acts_of(around.store.redis) == []


async def keys(running: Stage, verb: str, *arguments: str) -> Result:
    return await relay_beside("keys", verb, "-c", CONFIG, *arguments, env=running.around.env)


async def test_a_rotation_is_shown_and_audited_and_old_links_work(running_stage: Stage) -> None:
    signing = SigningKeys(running_stage.around.store)
    old = await signing.current()

    done, listed = await keys(running_stage, "rotate", "--keep", "30d"), await keys(running_stage, "list")

    again = SigningKeys(running_stage.around.store)
    new = await again.current()
    assert done.output == f"The new key is {name_of(new)}, in place of {name_of(old)}.\n"
    assert [line.split()[0] for line in listed.output.splitlines()[1:]] == [name_of(new), name_of(old)]
    assert await again.redeem("unsubscribe", issue(old, "unsubscribe", "analysts")) == ("analysts",)
    [act] = await acts_of(running_stage.around.store.redis)
    assert (act.action, act.subject, act.outcome) == ("keys rotate", name_of(old), f"now {name_of(new)}")
    assert old.hex() not in done.output + listed.output + str(act)


async def test_data_that_was_written_without_a_key_is_sealed_before_anything_starts_with_one(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    config = tmp_path / "relay.yaml"
    config.write_text(f"{CONFIG.read_text('utf-8')}\nredis: {{encryption_key: {token_hex(32)}}}\n")
    async with surroundings(redis_server.url) as around:
        present = name_of(await SigningKeys(around.store).current())
        await around.store.partition.aclose()  # no process may take part meanwhile
        sealed = await relay("keys", "seal", "-c", config, env=around.env)
        store = Store.open(redis_server.url, process="again", sealer=build_sealer(stage_config(config)))
        again = name_of(await SigningKeys(store).current())
        await store.aclose()
        keyless = await relay("keys", "seal", "-c", CONFIG, env=around.env)

    assert (sealed.status, "value: " in sealed.out) == (0, True)
    assert again == present
    assert (keyless.status, "there is no key to seal with" in keyless.err) == (1, True)
