"""Mutated documents: whatever comes, reading it raises nothing."""

import json
import resource
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest

from relay.config.formats import preset, preset_names
from relay.domain.parsing import parse
from tests.formats.test_presets import SENT as READ
from tests.support.foreign import build, pipeline

NOW = datetime(2026, 11, 22, tzinfo=UTC)
SENT = [
    *READ,
    ("gitlab", pipeline("failed", [build("unit", "running"), build("lint", "failed", started_at=1764370800)])),
]
ODD = (None, "", "None", 0, -1, 10**30, 1.5, float("inf"), True, [], [[]], {}, {"of": 1}, "x" * 5000, "\ud800", b"", ())
MILLIONS, PARTS = 3, 2
GROWTH = 64 * 1024  # kB


def spoiled(dice: Random, value: Any) -> Any:
    """Return the document with something odd at a random place."""
    if dice.random() < 0.06 or not isinstance(value, dict | list) or not value:
        return dice.choice(ODD)
    at = dice.choice([*value]) if isinstance(value, dict) else dice.randrange(len(value))
    changed = spoiled(dice, value[at])
    if isinstance(value, dict):
        return value | {at: changed}
    return [*value[:at], changed, *value[at + 1 :]]


def read_spoiled(seed: int, count: int) -> None:
    dice = Random(seed)
    for number in range(count):
        name, document = dice.choice(SENT)
        for _ in range(dice.randint(1, 6)):
            document = spoiled(dice, document)
        readings = preset(name).readings(document)
        assert readings == preset(name).readings(document), (seed, number)
        for reading in readings:
            assert (reading.document is None) == bool(reading.ignored or reading.missing), (seed, number)
            if reading.document:
                parse(reading.document, source="it", received_at=NOW)
                json.dumps(reading.document)


def test_whatever_comes_raises_nothing_and_is_read_the_same_twice() -> None:
    assert {name for name, _ in SENT} == {*preset_names()}
    read_spoiled(0, 4000)


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize("part", range(1, PARTS + 1))
def test_three_million_mutated_documents_raise_nothing_and_leave_nothing_in_memory(part: int) -> None:
    read_spoiled(part, 4000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    read_spoiled(-part, MILLIONS * 1_000_000 // PARTS)

    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < GROWTH
