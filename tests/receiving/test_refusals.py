"""What was refused, as a process collects it: as much as a stranger causes takes no more room than a few rows."""

from collections.abc import Callable
from itertools import cycle

import pytest

from relay.errors import HandlingFailed, InvalidEvent, InvalidSignature, NotYetKnown, StoreUnavailable
from relay.receiving.refusals import OF_PEER, PEERS, SAMPLES, Refusals, reason_of
from tests.support.clock import Clock

KEY = ("platform", "signature_wrong")


def named(name: str) -> Callable[[], str]:
    return lambda: name


@pytest.mark.parametrize(
    ("status", "cause", "reason"),
    [
        (401, InvalidSignature("no header", "missing"), "signature_missing"),
        (401, InvalidSignature("no configured secret makes this signature"), "signature_wrong"),
        (401, InvalidSignature("two days", "old"), "signature_old"),
        (422, InvalidEvent("operation", "expected"), "invalid"),
        (422, NotYetKnown("operation", "expected"), "early"),
        (422, HandlingFailed("KeyError", "x.py:1"), "fault"),
        (503, StoreUnavailable("Redis"), "unavailable"),
        (429, None, "rate_limited"),
        (404, None, "unknown_source"),
        (418, None, "refused"),
    ],
)
def test_each_has_one_of_a_few_words(status: int, cause: BaseException | None, reason: str) -> None:
    assert reason_of(status, cause) == reason


def test_they_are_counted_by_source_and_reason(clock: Clock) -> None:
    refusals = Refusals(clock)
    refusals.add(*KEY, named("192.0.2.1"))
    clock.advance(2)
    refusals.add(*KEY, named("192.0.2.2"))
    refusals.add("platform", "invalid", named("192.0.2.2"), "q-1")

    taken = refusals.take()

    assert (taken[KEY].count, taken[KEY].last - taken[KEY].first) == (2, 2)
    assert [sample.peer for sample in taken[KEY].samples] == ["192.0.2.1", "192.0.2.2"]
    assert taken["platform", "invalid"].samples[0].quarantined == "q-1"
    assert refusals.take() == {}


def test_a_flood_leaves_a_few_rows_and_a_number(clock: Clock) -> None:
    refusals, asked = Refusals(clock), cycle(["192.0.2.1"])
    for _ in range(10_000):
        refusals.add(*KEY, lambda: next(asked))

    (tally,) = refusals.take().values()

    assert (tally.count, len(tally.samples)) == (10_000, SAMPLES)


def test_one_peer_has_so_many_rows_in_an_hour(clock: Clock) -> None:
    refusals, rows = Refusals(clock), 0
    for _ in range(OF_PEER):
        refusals.add(*KEY, named("192.0.2.1"))
        refusals.add(*KEY, named("192.0.2.1"))
        rows += sum(len(tally.samples) for tally in refusals.take().values())
    refusals.add(*KEY, named("192.0.2.7"))
    (of_another,) = refusals.take().values()
    clock.advance(3600)
    refusals.add(*KEY, named("192.0.2.1"))
    (later,) = refusals.take().values()

    assert rows == OF_PEER
    assert [sample.peer for sample in (*of_another.samples, *later.samples)] == ["192.0.2.7", "192.0.2.1"]


def test_peers_without_end_take_no_room_without_end(clock: Clock) -> None:
    refusals = Refusals(clock)
    for number in range(3 * PEERS):
        refusals.add(*KEY, named(f"2001:db8::{number:x}"))
        refusals.take()

    assert len(refusals._rows) <= PEERS


def test_what_could_not_be_written_goes_with_what_comes_next(clock: Clock) -> None:
    refusals = Refusals(clock)
    refusals.add(*KEY, named("192.0.2.1"))
    taken = refusals.take()
    clock.advance(1)
    refusals.add(*KEY, named("192.0.2.2"))

    refusals.give_back(taken)

    (tally,) = refusals.take().values()
    assert (tally.count, tally.last - tally.first, len(tally.samples)) == (2, 1, 2)
