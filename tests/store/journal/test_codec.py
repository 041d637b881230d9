"""Records and entries come back from their bytes as they were, and those of other releases as far as can be."""

import json
from dataclasses import dataclass, field
from typing import ClassVar

import pytest

from relay.domain.deliveries import Digest, Each, Live, Window
from relay.engine.intake import Report
from relay.engine.parking import Announce
from relay.engine.pauses import PauseScope
from relay.engine.posted import Arrived
from relay.engine.receipts import Failed
from relay.engine.state import Record
from relay.engine.step import ENTRIES
from relay.engine.take import Take
from relay.errors import Unreadable
from relay.store.journal.codec import Codec
from tests.store.journal.conftest import RECORDS
from tests.store.journal.toy import KINDS, Add, Counter, Press
from tests.support import events
from tests.support.targets import room


@dataclass
class Newer(Record):
    """A counter of a later release."""

    PREFIX: ClassVar[str] = "counter:"

    total: int = 0
    shade: dict[str, str] = field(default_factory=dict)


FULL = Counter("a", 3, ["x", "ä"], {"p": (1, b"\xff")}, None, b"\0\xfe")


def test_a_record_comes_back_and_its_defaults_are_not_written() -> None:
    codec = Codec()
    stored = codec.record(FULL)

    assert codec.read_record(Counter, "a", stored, "counter:a") == FULL
    assert codec.record(Counter("a")) == b'{"v":1}'
    first, second = (codec.read_record(Counter, "a", b'{"v":1}', "counter:a") for _ in range(2))
    first.seen.append("x")
    assert second == Counter("a")


def test_fields_of_a_newer_release_are_carried_through_an_edit() -> None:
    codec = Codec()
    stored = codec.record(Newer("a", 1, {"tone": "dark"}))

    known = codec.read_record(Counter, "a", stored, "counter:a").copy()
    known.total = 2
    back = codec.read_record(Newer, "a", codec.record(known), "counter:a")

    assert back == Newer("a", 2, {"tone": "dark"})


@pytest.mark.parametrize(
    "stored",
    [b"", b"[]", b"no json", b'{"total":1}', b'{"v":2}', b'{"v":1,"total":"many"}', b'{"v":1,"blob":"?"}'],
    ids=str,
)
def test_what_cannot_be_read_says_so_without_its_values(stored: bytes) -> None:
    with pytest.raises(Unreadable) as error:
        Codec().read_record(Counter, "a", stored, "counter:a")

    assert "many" not in str(error.value)


def test_half_a_pair_of_surrogates_is_replaced() -> None:
    codec = Codec()
    stored = codec.record(Counter("a", seen=["a \ud800"], blob=b"\xff"))

    assert codec.read_record(Counter, "a", stored, "counter:a") == Counter("a", seen=["a ?"], blob=b"\xff")


def test_entries_and_answers_come_back() -> None:
    codec = Codec(KINDS)
    for value in (Add("a", "e", 2, b"\xff"), Press("a"), {"total": 1}, None, [1, "x"], True):
        assert codec.loaded(codec.dumped(value), "inbox:1") == value
    for stored in (b'{"v":1,"is":"Press"}', b'{"v":1,"is":"Unknown"}', b'{"v":1,"is":[]}', b"7", b"[]", b"{"):
        with pytest.raises(Unreadable):
            codec.loaded(stored, "inbox:1")


def test_every_record_of_the_engine_can_be_kept() -> None:
    codec = Codec()
    for kind in RECORDS:
        assert json.loads(codec.record(kind("x"))) == {"v": 1}
        assert codec.read_record(kind, "x", b'{"v":1}', "x") == kind("x")


TARGETS = [room(how=how) for how in (Each(bypass_quiet_hours=True), Live(), Live(update_only=True), Digest())]


def test_entries_of_the_engine_come_back_with_all_that_an_event_says() -> None:
    codec = Codec(ENTRIES)
    for entry in (
        Report(events.completed(), TARGETS, crowded=True),
        Announce({"room": {"slack": ["#a", "*"]}}),
        Take("slack", 3, "t-1", {"*": Window(1.0, 2.0)}),
        Failed("id", "t-1", pauses=(PauseScope("channel:slack", 1, "x", probe=True),)),
        Arrived("id", "t-1", receipt={"ts": "1.1"}),
    ):
        assert codec.loaded(codec.dumped(entry), "x") == entry
