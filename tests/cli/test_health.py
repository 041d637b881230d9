"""relay health: what the containers ask, of a relay that runs, of one that does not, and of what is no relay."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from relay.channels import CHANNELS
from relay.cli.own_addresses import OwnAddress, own_addresses
from relay.config import load
from tests.support.commands import Done, Serving, relay
from tests.support.inprocess import NEEDED, SHIPPED
from tests.support.ports import free_ports
from tests.support.redis_server import RedisServer
from tests.support.waiting import until

pytestmark = pytest.mark.slow

TOKEN = "Yq3x7Wc1Lf9Zk2Rb8Vt5Nh4Dm6Gs0Jp"


@pytest.fixture
def env() -> dict[str, str]:
    return NEEDED | {"RELAY_HOST": "127.0.0.1", "RELAY_PORT": str(free_ports(1)[0])}


@asynccontextmanager
async def answering(port: str, handler: object) -> AsyncIterator[None]:
    """Something else on the world's port, and nothing on the operators'."""
    app = web.Application()
    app.router.add_get("/readyz", handler)  # type: ignore[arg-type]
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", int(port)).start()
    try:
        yield
    finally:
        await runner.cleanup()


async def ill_for(env: dict[str, str]) -> Done | None:
    done = await relay("health", "-c", SHIPPED, env=env)
    return done if done.status else None


async def test_it_leaves_with_0_while_relay_takes_events_and_says_what_stands_in_the_way(env: dict[str, str]) -> None:
    stranger = {**env, "RELAY_ADMIN_TOKEN": "another-one-Lf9Zk2Rb8Vt5Nh4Dm6"}
    env["RELAY_ADMIN_TOKEN"] = TOKEN
    with RedisServer() as redis:
        env["RELAY_REDIS_URL"] = redis.url
        async with Serving(SHIPPED, env) as serving:
            well = await relay("health", "-c", SHIPPED, env=env)
            unknown = await relay("health", "-c", SHIPPED, env=stranger)
            redis.stop()
            ill = await until(lambda: ill_for(env))  # what it said is remembered for a second
            facts = await relay("health", "-c", SHIPPED, "--json", env=env)
            await serving.kill()  # how it stops without its Redis is not asked here
        gone = await relay("health", "-c", SHIPPED, env=env)

    place = f"http://127.0.0.1:{env['RELAY_PORT']}"
    assert (well.status, well.out.splitlines()[0]) == (0, f"relay at {place} takes events.")
    assert unknown.status == 0  # it has asked as the world does
    assert unknown.out.splitlines()[1].endswith(
        "has another token than the configuration; was it changed without a restart?"
    )
    assert ill.status == 1
    assert ill.err.startswith(f"relay at {place} takes no events. redis: ")
    assert facts.status == 1
    assert facts.facts["ready"] is False
    assert facts.facts["checks"]["redis"]
    assert (gone.status, gone.err) == (
        1, f"relay at {place} is not running: nothing listens there. `relay serve` starts it\n")  # fmt: skip


async def test_what_is_not_relay_is_told_so(env: dict[str, str]) -> None:
    async def another(_request: web.Request) -> web.Response:
        return web.Response(text="<html>hello</html>")

    async with answering(env["RELAY_PORT"], another):
        done = await relay("health", "-c", SHIPPED, env=env)

    assert done.status == 1
    assert done.err.endswith("is not relay, but something else that listens there\n")


async def test_one_that_hangs_is_given_up(env: dict[str, str]) -> None:
    with socket.socket() as listening:  # takes the connection and never answers
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        env["RELAY_ADMIN_PORT"] = str(listening.getsockname()[1])

        done = await relay("health", "-c", SHIPPED, "--timeout", "0.3", env=env)

    assert done.status == 1
    assert "has not answered within 0.3 s" in done.err


@pytest.mark.parametrize(
    ("server", "env"),
    [
        ("", {}),
        ("server: {host: 127.0.0.1, port: 9000}", {}),
        ('server: {port: "${PORT:-8181}"}', {}),
        ('server: {port: "${PORT:-8181}"}', {"PORT": "8282"}),
        ("server: {host: 0.0.0.0, port: 9000}", {"RELAY_HOST": "127.0.0.2", "RELAY_PORT": "9001"}),
        ("server: {port: 9000}", {"RELAY_PORT": "tcp://10.0.0.7:8080"}),
        ('server: {host: "::"}', {}),
        ('server: {admin: {host: "::1", port: 9100}}', {}),
        (f"server: {{admin: {{host: 0.0.0.0, token: {TOKEN}}}}}", {"RELAY_ADMIN_PORT": "9200"}),
        ("server: {port: 9000, admin: {token: ''}}", {"RELAY_ADMIN_HOST": "127.0.0.3"}),
        ("server: {}", {"RELAY_ADMIN_TOKEN": TOKEN}),
    ],
)
def test_it_asks_where_relay_would_listen(server: str, env: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "relay.yaml"
    shipped = SHIPPED.read_text("utf-8")
    begin, end = shipped.index("\nserver:") + 1, shipped.index("\nredis:") + 1
    file.write_text(f"{shipped[:begin]}{server}\n{shipped[end:]}", "utf-8")

    listens = load(file, env=NEEDED | env, channels=CHANNELS).server
    anywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}
    admin = listens.admin

    assert own_addresses(file, env) == (
        OwnAddress(anywhere.get(listens.host, listens.host), listens.port),
        OwnAddress(anywhere.get(admin.host, admin.host), listens.admin_port, token=admin.token.get_secret_value()),
    )


def test_it_speaks_tls_where_relay_does(tmp_path: Path) -> None:
    file = tmp_path / "relay.yaml"
    file.write_text("server: {tls: {certificate: a, key: b}, admin: {tls: {certificate: c, key: d, client_ca: e}}}\n")

    world, operators = own_addresses(file, {})

    assert (str(world), world.certificate) == ("https://127.0.0.1:8080", "")
    assert (str(operators), operators.certificate, operators.key) == ("https://127.0.0.1:8081", "c", "d")


@pytest.mark.parametrize(
    ("server", "complaint"),
    [
        ("{port: 0}", "relay.yaml:1: server.port: 0 is free for relay to choose"),
        ("{port: http}", "relay.yaml:1: server.port: expected a port"),
        ("{port: 1e99}", "relay.yaml:1: server.port: expected a port"),
        ('{host: "x y"}', "relay.yaml:1: server.host: expected an address or a host's name"),
        ('{host: "x\\ny"}', "relay.yaml:1: server.host: expected an address or a host's name"),
        ('{host: "a..b"}', "relay.yaml:1: server.host: expected an address or a host's name"),
        ("[1]", "relay.yaml:1: server: expected keys and values"),
        ("{admin: 1}", "relay.yaml:1: server.admin: expected keys and values"),
        ("{admin: {port: 0}}", "relay.yaml:1: server.admin.port: 0 is free for relay to choose"),
        (
            '{admin: {token: "${NOT_SET}"}}',
            "relay.yaml:1: server.admin.token: the environment variable NOT_SET is not set",
        ),
        ('{port: "${PORT_NOT_SET}"}', "relay.yaml:1: server.port: the environment variable PORT_NOT_SET is not set"),
    ],
)
async def test_a_port_that_nobody_can_know_is_told(server: str, complaint: str, tmp_path: Path) -> None:
    (tmp_path / "relay.yaml").write_text(f"server: {server}\n", "utf-8")

    done = await relay("health", "-c", "relay.yaml", env={}, cwd=tmp_path)

    assert done.status == 1
    assert done.err.startswith(complaint)
