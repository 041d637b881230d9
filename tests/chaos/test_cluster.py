"""A whole relay whose Redis is a Cluster; the benchmark of its life, with each disturbance once."""

import contextlib
from pathlib import Path

import pytest

from relay.errors import StoreUnavailable
from tests.chaos.disturbances import disturbances
from tests.chaos.failovers import configuration
from tests.support.clusters import clustered
from tests.support.commands import Serving
from tests.support.events import body
from tests.support.stage import post, surroundings
from tests.support.waiting import until

pytestmark = pytest.mark.soak


@pytest.mark.timeout(200)
async def test_each_disturbance_once_loses_nothing_and_repeats_only_the_unknown() -> None:
    report = await disturbances(1)
    print(report)

    assert report.acknowledged > 0
    assert (report.lost, report.imbalance) == (0, 0)
    assert report.repeats <= report.unknown
    assert {len(seconds) for seconds in report.pauses.values()} == {1}


@pytest.mark.timeout(120)
async def test_two_relays_follow_the_slot(tmp_path: Path) -> None:
    async with clustered() as group:
        primary = await group.owner()
        await group.add(follows=primary)
        async with (
            surroundings(group.url) as around,
            Serving(configuration(tmp_path), around.env) as serving,
            Serving(configuration(tmp_path), around.env) as other,
        ):

            async def taken(operation: str) -> bool:
                event = body("operation.completed", 100, status="Completed", operationId=operation)
                # 200: a try before it was taken, but its 503 said that no replica had confirmed it yet.
                answers = [(await post(url, event | {"tenantId": "mail"})).status for url in (serving.url, other.url)]
                return set(answers) <= {200, 202}

            await until(lambda: taken("op-1"))
            primary.kill()
            await group.replaced(primary)
            await until(lambda: taken("op-2"))
            await group.move(await group.another(await group.owner()))
            await until(lambda: taken("op-3"))

            with contextlib.suppress(StoreUnavailable):  # by its connection to the primary that is gone
                await around.store.ping()

            assert len(await around.mails(6)) == 6
            assert (await around.settled()).imbalance == 0
            assert [await each.stop() for each in (serving, other)] == [0, 0]
