"""The fuzzer notices a server that is none, does the same for the same seed, and knows its way with every request."""

from random import Random

import pytest

from campaign.attack import PIECES, Attack, attack
from campaign.fuzz import CLOSED, EXPECTED_STATUS, IN_TIME, NO_FAULT, judge
from campaign.mutations import SPOILS, TEARS
from campaign.report import Report, table
from campaign.requests import Request
from campaign.wire import Exchange, exchange
from relay.receiving.problems import UNEXPECTED
from tests.campaign.conftest import Serve

GOOD = [
    Request(
        b"POST", b"/webhooks/hmac", ((b"Host", b"relay"), (b"X-Webhook-Signature", b"sha256=ab")), b'{"event": "x"}'
    ),
    Request(b"GET", b"/healthz", ((b"Host", b"relay"),)),
    Request(b"GET", b"/"),
]
CHOSEN = Attack((), (b"",), 1, ending=True, peer="127.0.0.1")


def answer(status: int, body: str = "{}", *headers: str) -> bytes:
    lines = "".join(f"{header}\r\n" for header in headers)
    return f"HTTP/1.1 {status} Phrase\r\nContent-Length: {len(body)}\r\n{lines}\r\n{body}".encode()


@pytest.mark.parametrize(
    ("came", "promise"),
    [
        (Exchange(answer(500), closed=False, held=False, seconds=0), NO_FAULT),
        (Exchange(answer(502), closed=False, held=False, seconds=0), NO_FAULT),
        (Exchange(answer(200) + answer(500), closed=False, held=False, seconds=0), NO_FAULT),
        (Exchange(answer(503) + answer(503, "{}", "Retry-After: 5"), closed=False, held=False, seconds=0), NO_FAULT),
        (Exchange(answer(503), closed=False, held=False, seconds=0), NO_FAULT),
        (Exchange(answer(503, UNEXPECTED, "Retry-After: 5"), closed=False, held=False, seconds=0), NO_FAULT),
        (Exchange(answer(418), closed=False, held=False, seconds=0), EXPECTED_STATUS),
        (Exchange(b"", closed=False, held=True, seconds=30), IN_TIME),
        (Exchange(answer(400, '{"detail": "This is not a valid HTTP/1.1 request."}') + answer(200), closed=False,
        held=False,
                  seconds=0), CLOSED),
    ],
    ids=str,
)  # fmt: skip
def test_what_relay_must_not_do_is_noticed(came: Exchange, promise: str) -> None:
    report = Report("fuzzer")

    judge(report, CHOSEN, came, "this one")

    assert promise in report.broken
    assert not report.kept
    assert "this one" in "\n".join(table([report]))


@pytest.mark.parametrize(
    "data",
    [answer(202), answer(400), answer(503, "{}", "Retry-After: 5"), answer(503, '{"ready": false}'), answer(501), b""],
    ids=str,
)
def test_what_relay_may_do_is_no_fault(data: bytes) -> None:
    report = Report("fuzzer")

    judge(report, CHOSEN, Exchange(data, closed=True, held=False, seconds=0), "")

    assert report.kept


async def test_a_server_that_never_answers_holds_a_connection(serve: Serve) -> None:
    came = await exchange(await serve(None), [b"GET / HTTP/1.1\r\n\r\n"], ending=False, deadline=0.2)

    assert came.held


async def test_an_answer_and_the_end_are_waited_for(serve: Serve) -> None:
    answered = await exchange(await serve(answer(202)), [b"GET ", b"/ HTTP/1.1\r\n\r\n"])
    closed = await exchange(await serve(b""), [b"x"])

    assert (answered.statuses, answered.held) == ([202], False)
    assert (closed.statuses, closed.closed, closed.held) == ([], True, False)


def test_the_same_seed_does_the_same() -> None:
    def played(seed: int) -> list[Attack]:
        return [attack(seed, number, GOOD) for number in range(300)]

    first = played(1)
    assert first == played(1)
    assert first != played(2)
    assert {kind for each in first for kind in each.kinds} >= {*TEARS, *SPOILS, "pipelined", "in pieces"}
    assert max(len(each.pieces) for each in first) == PIECES


@pytest.mark.parametrize("request_", GOOD, ids=lambda request: request.target.decode())
def test_every_mutation_can_be_done_to_every_request(request_: Request) -> None:
    raw = request_.raw()
    for seed in range(20):
        for name, spoil in SPOILS.items():
            assert isinstance(spoil(Random(f"{seed} {name}"), request_).raw(), bytes)
        for name, tear in TEARS.items():
            assert isinstance(tear(Random(f"{seed} {name}"), raw), bytes)


def test_a_part_that_looked_at_nothing_has_shown_nothing() -> None:
    assert not Report("empty").kept
    assert "BROKEN" in "\n".join(table([Report("empty")]))
