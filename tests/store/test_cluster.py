"""A Cluster of real servers: scripts at the owner of their slot, slots that move under load, primaries that die."""

import asyncio
import re
import shlex
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from redis.exceptions import MovedError
from structlog.testing import capture_logs

from relay.errors import StoreUnavailable
from relay.store import Store
from relay.store.cluster import MOVING, _Nodes, parse
from relay.store.journal.items import PATIENCE
from relay.store.keys import PREFIX
from tests.support import events
from tests.support.certificates import make_certificate
from tests.support.clusters import SLOT, Clustered, ClusterServer, clustered
from tests.support.patience import patience
from tests.support.ports import free_ports
from tests.support.queue import claim, counts, send
from tests.support.redis_server import RedisServer, with_tls
from tests.support.targets import room
from tests.support.waiting import until

DOCUMENTED = Path(__file__).parents[2] / "docs" / "deployment.md"
(RULE,) = re.findall(r"^ACL SETUSER relay .*$", DOCUMENTED.read_text("utf-8"), re.M)
MOVED = f"slot {SLOT} is being moved to another node of the Cluster"


def test_the_url_says_whom_to_ask_and_as_whom_to_speak_to_all() -> None:
    hosts, settings = parse("redis+cluster://relay:a%2Fb@one:1,two,[::1]:3?client_name=c%40d")

    assert hosts == [("one", 1), ("two", 6379), ("::1", 3)]
    assert settings == {"username": "relay", "password": "a/b", "client_name": "c@d"}


@pytest.fixture(scope="module")
def shared() -> Iterator[Clustered]:
    """For tests that leave it whole: every slot at one primary, every node up."""
    group = Clustered.of()
    with ThreadPoolExecutor(1) as thread:  # a loop of its own: that of the first test ends before this does
        try:
            thread.submit(asyncio.run, group.start()).result()
            yield group
        finally:
            group.stop()


@pytest.fixture
async def group(shared: Clustered) -> Clustered:
    for node in shared.running:
        if (await node.info("replication"))["role"] == "master":
            await node.ask("FLUSHALL")
            await node.ask("CLUSTER", "SETSLOT", SLOT, "STABLE")  # where a test failed half-way
    return shared


@pytest.fixture
async def store(group: Clustered) -> AsyncIterator[Store]:
    store = Store.open(group.url, process="w")
    yield store
    await store.aclose()


@pytest.mark.slow
async def test_a_store_lives_at_the_owner_of_its_slot(group: Clustered, store: Store) -> None:
    promise = await store.prepare("replicated")
    await store.report(events.completed(operationId="op-1"), [room()])
    await send(store)

    assert (promise.durability, promise.replicas, promise.shortfall) == ("replicated", 1, "")
    assert (await counts(store))["delivered"] == 1


@pytest.mark.slow
async def test_a_node_that_is_no_primary_is_asked_once(group: Clustered, store: Store) -> None:
    [replica] = await group.replicas(await group.owner())
    store.redis.connection_pool.sentinel_manager.address = ("127.0.0.1", replica.port)  # as a node had it that was late

    with pytest.raises(StoreUnavailable, match="read-only replica"):
        await store.prepare("memory")

    assert (await store.prepare("memory")).durability == "memory"


def test_a_node_that_does_not_know_its_name_is_where_the_last_one_was() -> None:
    nodes = _Nodes([("one", 1)], {})
    moved = [MovedError(f"{SLOT} {where}") for where in (":7", "?:7", "two:7")]

    assert [nodes.named(error) for error in moved] == [("one", 7), ("one", 7), ("two", 7)]


@pytest.mark.slow
async def test_a_commit_whose_answer_is_lost_counts_once(group: Clustered, store: Store) -> None:
    owner = await group.owner()
    (replica,) = await group.replicas(owner)
    await store.prepare("replicated")
    replica.pause()
    try:
        accept = asyncio.create_task(store.report(events.completed(), [room()]))
        await until(lambda: blocked(owner))
        await owner.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    finally:
        replica.resume()

    assert (await accept).status == "accepted"
    assert (await store.report(events.completed(), [room()])).status == "duplicate"
    assert (await counts(store))["accepted"] == 1


async def refused(url: str) -> str:
    """Why relay cannot use the Redis at this address."""
    store = Store.open(url, process="w")
    with pytest.raises(StoreUnavailable) as refusal:
        await store.prepare()
    await store.aclose()
    return str(refusal.value)


@pytest.mark.slow
async def test_a_wrong_kind_of_address_is_one_sentence(group: Clustered) -> None:
    stranger, (port,) = await group.another(), free_ports(1)
    with RedisServer(port=str(port)):
        single = await refused(f"redis+cluster://127.0.0.1:{port}")
    away = await refused(f"redis+cluster://:a-password@127.0.0.1:{port}")

    assert single == f"Redis: 127.0.0.1:{port} is no node of a Cluster; for one server write redis://127.0.0.1:{port}/0"
    assert "one node of a Cluster" in await refused(f"redis://127.0.0.1:{stranger.port}/0")
    assert away.startswith("Redis: none of the 1 known nodes of the Cluster answers: ")
    assert "a-password" not in away


async def blocked(node: ClusterServer) -> bool:
    """Whether somebody waits there for an answer."""
    return bool((await node.info("clients"))["blocked_clients"])


async def contents(*nodes: ClusterServer) -> dict[str, str]:
    """A digest of each value that nodes hold, but for signs of life."""
    found = {}
    for node in nodes:
        held = {*await node.ask("CLUSTER", "GETKEYSINSLOT", SLOT, 1_000)} - {f"{PREFIX}owner", f"{PREFIX}pulses"}
        digests = await node.ask("DEBUG", "DIGEST-VALUE", *sorted(held))
        found |= zip(sorted(held), digests, strict=True)
    return found


@pytest.mark.slow
async def test_a_script_waits_for_a_move_that_ends_soon(group: Clustered, store: Store) -> None:
    await store.prepare("memory")
    await store.report(events.completed(operationId="op-1"), [room()])
    target = await group.another()
    source = await group.begin_move(target)
    accept = asyncio.create_task(store.report(events.completed(operationId="op-2"), [room()]))
    await group.move_keys(source, target)
    await group.end_move(source, target)

    assert (await accept).status == "accepted"


@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.timeout(60)
async def test_half_way_nothing_is_done_and_afterwards_all_goes_on(group: Clustered, store: Store) -> None:
    await store.prepare("memory")
    for number in range(10):
        await store.report(events.completed(operationId=f"op-{number}"), [room()])
    target = await group.another()
    source = await group.begin_move(target)
    moved = await group.move_keys(source, target, but=f"{PREFIX}ledger")
    before = await contents(source, target)
    begun = time.monotonic()

    with capture_logs() as lines, pytest.raises(StoreUnavailable):
        await store.report(events.completed(operationId="op-10"), [room()])
    waited = time.monotonic() - begun
    claiming = asyncio.create_task(claim(store))

    assert any(MOVED in line.get("reason", "") for line in lines)
    assert moved > 10
    assert await source.ask("CLUSTER", "COUNTKEYSINSLOT", SLOT) == 1
    assert MOVING <= waited < patience(PATIENCE + 1)
    assert await contents(source, target) == before
    assert not claiming.done()
    await group.move_keys(source, target)
    await group.end_move(source, target)
    assert (await store.report(events.completed(operationId="op-10"), [room()])).status == "accepted"
    assert len(await claiming) + len(await claim(store)) == 11


@pytest.mark.slow
async def test_a_user_with_the_rights_of_the_docs_and_a_password() -> None:
    async with clustered(primaries=2, replicas=0, password="of-all") as group:
        rights = f"{RULE} +cluster|slots".replace("PASSWORD", "a-password")
        for node in group.running:
            await node.ask(*shlex.split(rights))
        store = Store.open(group.url.replace(":of-all@", "relay:a-password@"), process="w")
        await store.prepare("memory")
        await store.report(events.completed(operationId="op-1"), [room()])
        await store.bodies.keep("ops", b"{", {}, "no JSON", fault=False)
        await group.move(await group.another())
        listed = len((await store.bodies.page()).rows)
        await store.bodies.keep("ops", b"[", {}, "no JSON", fault=False)
        await send(store)
        for node in group.running:
            await node.ask("ACL", "SETUSER", "relay", "-cluster|slots")
        without = await refused(group.url.replace(":of-all@", "relay:a-password@"))
        refusals = [entry for node in group.running for entry in await node.ask("ACL", "LOG")]
        await store.aclose()

    assert listed == 1
    assert {entry["object"] for entry in refusals} == {"cluster|slots"}
    assert "the user lacks +cluster|slots" in without


@pytest.mark.slow
async def test_tls_to_every_node(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path)
    (port,) = free_ports(1)
    async with clustered(primaries=1, replicas=0, **with_tls(certificate, port)):
        store = Store.open(f"rediss+cluster://127.0.0.1:{port}?ssl_ca_certs={certificate.authority}", process="w")
        await store.prepare()
        status = (await store.report(events.completed(), [room()])).status
        reached = {client["laddr"] for client in await store.redis.client_list() if client["laddr"].startswith("127.")}
        await store.aclose()
        stranger = await refused(f"rediss+cluster://127.0.0.1:{port}")

    assert (status, reached) == ("accepted", {f"127.0.0.1:{port}"})
    assert "certificate verify failed" in stranger
