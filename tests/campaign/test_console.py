"""A console that lets strangers in, or keeps operators out, is noticed."""

from random import Random
from time import monotonic
from types import SimpleNamespace
from typing import Any

import pytest

from campaign.console import OUT, crowds, forging, judge
from campaign.forms import FORGED, Known
from campaign.outputs import Outputs
from campaign.report import Report
from campaign.visits import IN, LIVE, NUMBERS, asking, working
from relay.console.site import ACTIONS
from relay.receiving.listeners import MAX_CONNECTIONS, SHARE
from tests.campaign.conftest import Serve
from tests.campaign.test_fuzzer import answer

KNOWN = Known("viewers-session", "viewers-form", "operators-session", "token-of-the-listener", "token-of-a-program")
REFUSED = frozenset({403})


def listener(address: tuple[str, int]) -> Any:
    configured = SimpleNamespace(admin_token="t0ken")
    return SimpleNamespace(address=address, outputs=Outputs(), configured=configured)


async def test_whoever_gets_through_is_noticed(serve: Serve) -> None:
    report = Report("console")

    await forging(listener(await serve(answer(200))), report, KNOWN, monotonic() + 0.01, Random("1"))

    assert {*report.broken} == {OUT}
    assert {example.partition(":")[0] for example in report.broken[OUT]} == {*FORGED}


@pytest.mark.parametrize(
    ("status", "head", "noticed"),
    [
        (403, b"HTTP/1.1 403 Forbidden\r\n\r\n", False),
        (500, b"HTTP/1.1 500 Internal Server Error\r\n\r\n", True),
        (0, b"", True),
        (403, b"HTTP/1.1 403 Forbidden\r\nSet-Cookie: relay-console=abc; Path=/\r\n\r\n", True),
        (403, b'HTTP/1.1 403 Forbidden\r\nSet-Cookie: relay-console=""; Max-Age=0\r\n\r\n', False),
    ],
    ids=str,
)
def test_what_is_no_refusal_is_noticed(status: int, head: bytes, noticed: bool) -> None:
    report = Report("console")

    judge(report, "a form", REFUSED, status, head)

    assert bool(report.broken) is noticed


@pytest.mark.parametrize("data", [answer(503), b""], ids=str)
async def test_operators_and_programs_that_are_kept_out_are_noticed(serve: Serve, data: bytes) -> None:
    report, address = Report("console"), await serve(data)
    end = monotonic() + 0.05

    await working(listener(address), report, end)
    await asking(listener(address), report, monotonic() + 0.05)

    assert {*report.broken} == {IN, LIVE, NUMBERS}


def test_the_crowds_are_larger_than_what_they_may_have() -> None:
    slow, silent, tabs = crowds("session")

    assert min(slow.count, silent.count) > MAX_CONNECTIONS > SHARE
    assert tabs.count > SHARE
    assert b"Cookie: relay-console=session" in tabs.first


def test_what_is_forged_is_an_action_that_there_is_and_no_secret_of_it() -> None:
    dice = Random("1")
    requests = {kind: make(dice, KNOWN) for kind, (make, _) in FORGED.items()}

    assert "/destinations/pause" in {action.path for action in ACTIONS}
    assert all(b" " not in request.target and request.target.isascii() for request in requests.values())
    assert [kind for kind, request in requests.items() if request.method == b"POST" and request.body] != []
