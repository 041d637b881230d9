"""Events that are lost, late or refused under attack are noticed; a crowd is as large as it is let."""

from types import SimpleNamespace
from typing import Any

import pytest

from campaign.configuration import SourceFacts
from campaign.connections import GREEN, LOST, QUICK, SLOWEST, under_way
from campaign.crowds import Crowd, crowds, gathered
from campaign.outputs import Outputs
from campaign.report import Report
from tests.campaign.conftest import Serve
from tests.campaign.test_fuzzer import answer
from tests.support.waiting import until


def target(address: tuple[str, int]) -> Any:
    sources = {"hmac": SourceFacts("hmac-sha256", "k3y-of-hmac-7Qm2x9")}
    return SimpleNamespace(address=address, outputs=Outputs(), configured=SimpleNamespace(sources=sources))


@pytest.mark.parametrize("data", [answer(401), answer(503), b""], ids=str)
async def test_events_that_are_not_accepted_are_noticed(serve: Serve, data: bytes) -> None:
    report = Report("connections")

    took = await under_way(target(await serve(data)), report, 0.05, "attacked")

    assert {*report.broken} == {LOST, GREEN}
    assert took


async def test_probes_that_are_answered_are_no_fault(serve: Serve) -> None:
    report = Report("connections")

    await under_way(target(await serve(answer(200))), report, 0.05, "calm")

    assert {*report.broken} == {LOST}  # a signed event wants 202


async def test_who_is_thrown_out_comes_again(serve: Serve) -> None:
    crowd = Crowd("that stays", ("127.0.9.1", "127.0.9.2"), 6, b"x")
    async with gathered(target(await serve(None)), crowd) as members:
        assert len(members) == 6
        members[0].transport.abort()
        gone = members[0]

        await until(lambda: gone not in members and len(members) == 6)

        assert {member.transport.get_extra_info("sockname")[0] for member in members} == {*crowd.peers}


def test_a_whole_campaign_has_the_crowds_that_it_promises() -> None:
    whole = crowds(1.0)

    assert {crowd.name: crowd.count for crowd in whole["a crowd"]} == {
        "idle": 900, "slow unsigned uploads": 300, "that never read": 60,
    }  # fmt: skip
    assert len({peer for crowd in whole["a crowd"] for peer in crowd.peers}) == 9
    assert f"{SLOWEST * 1000:.0f} ms" in QUICK
