"""The packed fields of records: the scripts and Python have one layout, and read what the other's server wrote."""

import json

import pytest

from relay.errors import HandlingFailed
from relay.store import Store
from relay.store.admin import Admin
from relay.store.notes import lines_of
from relay.store.packing import pack, unpack
from relay.store.records import PACKED, values_of
from tests.support import events, records

VALUES = [0, 1, 127, 128, 255, 256, 65_535, 65_536, 2**32, 1_700_000_000_123, -1, -32, -33, -129, -40_000, -3e9, 0.1,
          67.5, 1e300, "", "a", "x" * 31, "ü" * 16, "y" * 255, "z" * 256, "w" * 70_000, "a\0b", "日本", True,
          False]  # fmt: skip


def test_a_word_of_a_newer_relay_is_no_other() -> None:
    line = b"\x01" + b"\xa1\x80" + b"\xa1\xff" + "\xa2\u00fc".encode("latin-1").replace(b"\xfc", "\u00fc".encode())

    assert lines_of(line) == [[1, "accepted", "?", "\u00fc"]]


@pytest.mark.parametrize("field", PACKED)
async def test_what_a_newer_relay_keeps_behind_it_stays(store: Store, field: str) -> None:
    """In a rolling deploy both write the same records."""
    await store.accept(events.progress(10), [])
    (key,) = await store.redis.keys("*:operation:*")
    values = [*unpack(await store.redis.hget(key, field) or b"")]
    newer = [*values, *[None] * (len(PACKED[field]) - len(values)), "of a newer relay"]
    await store.redis.hset(key, field, pack(newer))

    await store.accept(events.event_of(events.body("operation.completed", 100, operationName="renamed")), [])
    await store.accept(events.started(retryNumber=1), [])

    assert [*unpack(await store.redis.hget(key, field) or b"")][-1] == "of a newer relay"


async def test_what_the_server_packs_is_read(store: Store) -> None:
    script = "local v = cjson.decode(ARGV[1]) for i = 1, #v do if v[i] == cjson.null then v[i] = false end end"
    packed: bytes = await store.redis.eval(script + " return cmsgpack.pack(unpack(v))", 0, json.dumps(VALUES))

    assert [*unpack(packed)] == VALUES
    assert pack(tuple(VALUES)) == packed
    absent: bytes = await store.redis.eval("return cmsgpack.pack(nil, 1)", 0)
    assert [*unpack(absent)] == [None, 1]


@pytest.mark.parametrize("damaged", [b"\xcb\0", b"\xda\0", b"\xa5four", b"\x90", b"\xdb\0\0\xff\xff."])
def test_what_is_damaged_is_refused(damaged: bytes) -> None:
    with pytest.raises(ValueError, match=r"cut off|nothing that"):
        [*unpack(damaged)]


def test_values_are_texts_and_what_is_absent_or_newer_is_left_out() -> None:
    values = pack((1, 0, 1.5, None, "", 1, *[None] * len(PACKED["state"]), "of a newer relay"))

    assert values_of("state", values) == {"rank": "1", "retry": "0", "at": "1.5", "last": "", "percentage": "1"}
    assert values_of("facts", None) == {}


async def test_a_number_is_shown_as_it_was_stated(store: Store) -> None:
    for percentage in (30, 67.5):
        await store.accept(events.progress(percentage, operationId=f"op-{percentage}"), [])

    shown = [await Admin(store).timeline(f"op-{percentage}") for percentage in (30, 67.5)]

    assert [timeline.facts["percentage"] for timeline in shown if timeline] == ["30", "67.5"]


async def test_a_record_that_is_damaged_costs_no_other_its_answer(store: Store) -> None:
    for name in ("op-broken", "op-healthy"):
        await store.accept(events.progress(10, operationId=name), [])
    await store.redis.hset(records.key("op-broken"), "facts", b"\x90")

    with pytest.raises(HandlingFailed):
        await store.known("op-broken")
    assert (await store.known("op-healthy"))["tenant"] == "tenant-1"
