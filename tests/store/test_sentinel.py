"""Sentinels that name the primary: connecting by them, and what two kinds of failover cost, with real servers."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from relay.errors import StoreUnavailable
from relay.store import Store
from relay.store.client import Promise
from relay.store.inspection import inspect
from relay.store.queries.admin import Admin
from relay.store.sentinel import parse
from tests.support import events
from tests.support.certificates import make_certificate
from tests.support.ports import free_ports
from tests.support.queue import send
from tests.support.redis_server import RedisServer, with_tls
from tests.support.sentinels import NAME, SentinelServer, Watched, watched
from tests.support.targets import room
from tests.support.waiting import until


def test_the_url_says_whom_to_ask_and_as_whom_to_speak_to_the_primary() -> None:
    hosts, name, settings = parse("redis+sentinel://relay:a%2Fb@one:1,two,[::1]:3/mymaster/2?sentinel_password=c%40d")

    assert hosts == [("one", 1), ("two", 26379), ("::1", 3)]
    assert name == "mymaster"
    assert settings == {"username": "relay", "password": "a/b", "db": 2, "sentinel_password": "c@d"}


@pytest.fixture
async def group() -> AsyncIterator[Watched]:
    async with watched() as group:
        yield group


@pytest.mark.slow
class TestConnecting:
    async def test_a_store_works_by_them_and_all_replicas_have_to_confirm(self, group: Watched) -> None:
        store = Store.open(f"{group.url}/3", process="w")

        promise = await store.prepare("replicated")
        await store.report(events.completed(), [room()])
        await send(store)

        assert (promise.durability, promise.replicas, promise.shortfall) == ("replicated", 2, "")
        assert (await store.redis.info("keyspace")).keys() == {"db3"}
        await store.aclose()

    @pytest.mark.parametrize(
        ("name", "away", "reason"),
        [
            ("other", 0, "Redis: the Sentinels that answer watch no primary called other"),
            ("other", 1, "Redis: the Sentinels that answer watch no primary called other"),
            (NAME, 3, "Redis: none of the 3 Sentinels answers"),
        ],
    )
    async def test_no_primary_is_one_sentence(self, group: Watched, name: str, away: int, reason: str) -> None:
        for sentinel in group.sentinels[:away]:
            sentinel.kill()
        assert await refused(group.url.replace(NAME, name)) == reason

    async def test_passwords_of_redis_and_of_the_sentinels(self) -> None:
        passwords = {"requirepass": "of-redis", "masterauth": "of-redis"}
        more = (
            "user short on >of-short -@all +@connection +sentinel|masters\n"
            "user relay on >of-sentinels -@all +@connection +sentinel|masters +sentinel|slaves\nrequirepass of-all\n"
            f"sentinel sentinel-pass of-all\nsentinel auth-pass {NAME} of-redis\n"
        )
        async with watched(password="of-redis", sentinel_password="of-all", more=more, **passwords) as group:
            with_password = group.url.replace("://", "://:of-redis@")
            user = "?sentinel_username=relay&sentinel_password="
            store = Store.open(f"{with_password}{user}of-sentinels", process="w")
            promise = await store.prepare("replicated")
            await store.aclose()
            store = Store.open(f"{with_password}?sentinel_username=short&sentinel_password=of-short", process="w")
            lacking = (await store.prepare("replicated")).shortfall
            await store.aclose()
            refusals = [
                await refused(url)
                for url in (with_password, f"{group.url}{user}of-sentinels", f"{with_password}{user}of-others")
            ]

        assert promise.shortfall == ""
        assert lacking.endswith("their user lacks +sentinel|slaves")
        assert "the Sentinels want a password" in refusals[0]
        assert "it wants a password" in refusals[1]
        assert "the Sentinels want a password" in refusals[2]
        assert not [text for text in refusals if "of-" in text]


async def _alone(store: Store) -> bool:
    """Whether one replica is enough now."""
    return await store.prepare("replicated") == Promise("replicated", 1)


async def _both(store: Store) -> bool:
    """Return whether both replicas have to confirm, and nothing is in doubt."""
    with contextlib.suppress(StoreUnavailable):
        return await store.prepare("replicated") == Promise("replicated", 2)
    return False


async def doubts(store: Store) -> set[str]:
    """Why nothing is promised now."""
    with capture_logs() as lines, pytest.raises(StoreUnavailable):
        await store.report(events.completed(), [room()])
    return {line["reason"] for line in lines if line["event"] == "partition.in_doubt"}


async def refused(url: str) -> str:
    """Why there is no primary here."""
    store = Store.open(url, process="w")
    with pytest.raises(StoreUnavailable) as refusal:
        await store.ping()
    await store.aclose()
    return str(refusal.value)


@pytest.mark.slow
class TestFailingOver:
    @pytest.mark.timeout(120)
    async def test_a_replica_that_comes_has_to_confirm_from_its_first_moment(self, group: Watched) -> None:
        """Nobody has inspected Redis since: it could be promoted, and the other one's word would not count."""
        primary = await group.primary()
        late, _ = (port for port in group.servers if port != primary)
        group.servers[late].kill()
        store = Store.open(group.url, process="w")
        await until(lambda: _alone(store))
        group.servers[late].start()
        await group.settled()
        group.servers[late].pause()

        assert "1 of 2 replicas confirmed within 2 s" in await doubts(store)
        group.servers[late].kill()  # or promoted: only the Sentinels know
        assert "1 of 2 replicas confirmed within 2 s" in await doubts(store)

        await until(lambda: _alone(store))
        # In doubt it is sent again; where the lease was lost meanwhile, it was refused, and its sender repeats it.
        assert (await store.report(events.completed(), [room()])).status in ("duplicate", "accepted")
        assert (await Admin(store).ledger()).counts["accepted"] == 1
        await store.aclose()

    @pytest.mark.soak
    @pytest.mark.timeout(120)
    async def test_a_new_primary_promises_nothing_before_it_was_inspected(self, group: Watched) -> None:
        store = Store.open(group.url, process="w")
        await store.prepare("replicated")
        await group.fail_over()
        await group.settled()

        assert "the primary is new to relay, and not inspected yet" in await doubts(store)

        await until(lambda: _both(store))
        assert (await store.report(events.completed(), [room()])).status == "duplicate"
        await store.aclose()

    @pytest.mark.soak
    @pytest.mark.timeout(200)
    async def test_a_new_primary_promises_nothing_before_the_old_one_follows(self) -> None:
        """If it dies by then, the Sentinels may prefer the old one to the replica that confirmed."""
        async with watched(quick=False) as group:
            store = Store.open(group.url, process="w")
            await store.prepare("replicated")
            before = await group.primary()
            after = await group.fail_over()

            async def shortfall() -> str:
                with contextlib.suppress(StoreUnavailable):
                    return (await store.prepare("replicated")).shortfall
                return ""

            async def in_doubt() -> bool:
                return f":{before} does not follow the primary yet" in await shortfall()

            await until(in_doubt)
            await until(lambda: _both(store))
            assert before in await group.followers(after)
            await store.aclose()

    async def test_in_doubt_nothing_makes_do_with_fewer(self, group: Watched) -> None:
        """An accept or a begin may be under way, and waits as `promise` says."""
        store = Store.open(group.url, process="w")
        await store.prepare("replicated")
        primary = await group.primary()
        for sentinel in group.sentinels:
            sentinel.kill()
        group.servers[next(port for port in group.servers if port != primary)].kill()

        try:
            promise = await store.prepare("replicated")
        except StoreUnavailable as error:  # it has left the connection of a write without confirmation
            assert "none of the 3 Sentinels answers" in str(error)
        else:
            assert promise.replicas == 2
            assert promise.shortfall == "none of the Sentinels answers, so a failover may be under way"
        with pytest.raises(StoreUnavailable):
            await store.report(events.completed(), [room()])
        await store.aclose()

    async def test_a_process_that_starts_during_a_failover_promises_nothing(self, group: Watched) -> None:
        """One is promoted, and the other one still confirms what the old primary takes, and loses it."""
        before = await group.primary()
        promoted = next(port for port in group.servers if port != before)
        for number in range(len(group.sentinels)):  # or they would make it follow again
            await group.ask("DEBUG", "publish-period", 60_000, number=number)
        async with Redis.from_url(group.servers[promoted].url) as redis:
            await redis.execute_command("REPLICAOF", "NO", "ONE")
        watching, store = Store.open(group.url, process="x"), Store.open(group.url, process="w")

        async def in_doubt() -> bool:
            shortfall = (await inspect(watching.redis, "replicated", 1)).shortfall
            return f":{promoted} does not follow the primary yet" in shortfall

        await until(in_doubt)
        promise = await store.prepare("replicated")
        with pytest.raises(StoreUnavailable):
            await store.report(events.completed(), [room()])

        assert (promise.replicas, bool(promise.shortfall)) == (1, True)
        for one in (watching, store):
            await one.aclose()


@pytest.mark.slow
async def test_tls_to_the_sentinels_and_to_the_primary(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path)
    clear, primary, sentinel = free_ports(3)
    binary, *more = [
        value if name == "binary" else f"{name.replace('_', '-')} {value}\n"
        for name, value in with_tls(certificate, sentinel).items()
    ]
    url = f"rediss+sentinel://127.0.0.1:{sentinel}/{NAME}"
    with (
        RedisServer(**with_tls(certificate, primary)),
        SentinelServer(clear, primary, quorum=1, more="".join(more), binary=binary),
    ):
        store = Store.open(f"{url}?ssl_ca_certs={certificate.authority}", process="w")

        async def prepared() -> bool:
            with contextlib.suppress(StoreUnavailable):  # the Sentinel has not seen the primary yet
                return bool(await store.prepare("memory"))
            return False

        await until(prepared)
        assert (await store.report(events.completed(), [room()])).status == "accepted"
        await store.aclose()
        assert await refused(url) == "Redis: the Sentinel does not answer"
