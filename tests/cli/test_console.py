"""relay console: a link that lets one in."""

from pathlib import Path

import pytest

from relay.store import Store
from relay.store.audit import AuditTrail
from relay.store.sessions import Link, Sessions
from tests.support.commands import Done, relay
from tests.support.inprocess import NEEDED, SHIPPED
from tests.support.redis_server import RedisServer

TOKEN = "Yq3x7Wc1Lf9Zk2Rb8Vt5Nh4Dm6Gs0Jp"


async def link(server: RedisServer, *arguments: str, file: Path = SHIPPED, **env: str) -> Done:
    return await relay("console", "link", "-c", file, *arguments, env={**NEEDED, "RELAY_REDIS_URL": server.url, **env})


async def taken(store: Store, address: str) -> Link | None:
    return await Sessions(store).take(address.rpartition("/")[2])


@pytest.mark.slow
async def test_a_link_is_printed_audited_and_lets_one_in(redis_server: RedisServer, store: Store) -> None:
    done = await link(redis_server, RELAY_ACTOR="jana@host-1")

    address = done.out.strip()
    assert address.startswith("http://127.0.0.1:8081/console/enter/")
    assert "It lets one viewer in, once, within 10 minutes." in done.err
    assert await taken(store, address) == Link("viewer", "jana@host-1")
    assert await taken(store, address) is None
    (entry,) = await AuditTrail(store.redis).entries()
    assert (entry.actor, entry.action, entry.subject, entry.outcome) == (
        "jana@host-1",
        "console link",
        "viewer",
        "done",
    )
    assert address.rpartition("/")[2] not in str(entry)


@pytest.mark.slow
async def test_one_for_who_acts_says_so(redis_server: RedisServer, store: Store) -> None:
    done = (await link(redis_server, "--role", "operator", "--json")).facts

    assert (done["role"], done["minutes"]) == ("operator", 10)
    found = await taken(store, done["link"])
    assert found
    assert found.role == "operator"


@pytest.mark.slow
async def test_where_nobody_could_follow_it_there_is_none(redis_server: RedisServer, store: Store) -> None:
    off = await link(redis_server, RELAY_ADMIN_HOST="10.0.0.5", RELAY_ADMIN_TOKEN=TOKEN)
    free = await link(redis_server, RELAY_ADMIN_PORT="0")

    assert (off.status, free.status) == (1, 1)
    assert "the console is off: server.admin listens on 10.0.0.5, and nothing is configured under console" in off.err
    assert "the port of server.admin is free for relay to choose" in free.err
    assert await AuditTrail(store.redis).entries() == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("console", "host", "expected"),
    [
        ("{url: https://relay.example.com}", "127.0.0.1", "https://relay.example.com/console/enter/"),
        (f"{{tokens: {{a: {{token: {TOKEN}, role: viewer}}}}}}", "10.0.0.5", "http://10.0.0.5:8081/console/enter/"),
        ("{url: https://relay.example.com}", "10.0.0.5", "https://relay.example.com/console/enter/"),
        ("{}", "::1", "http://[::1]:8081/console/enter/"),
    ],
)
async def test_it_leads_to_where_browsers_reach_the_console(
    redis_server: RedisServer, store: Store, tmp_path: Path, *, console: str, host: str, expected: str
) -> None:
    file = tmp_path / "relay.yaml"
    file.write_text(f"console: {console}\n{SHIPPED.read_text('utf-8')}", "utf-8")
    done = await link(redis_server, file=file, RELAY_ADMIN_HOST=host, RELAY_ADMIN_TOKEN=TOKEN)

    assert done.out.startswith(expected)
