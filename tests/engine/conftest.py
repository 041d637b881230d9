"""A desk, and a partition whose ledger adds up in the end, with a sentence for whatever was held back in it."""

from collections.abc import Iterator

import pytest

from relay.operating.sentences import WHY
from relay.store.queries.admin import Ledger
from tests.engine.desk import Desk
from tests.engine.sending import Sending


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def partition() -> Iterator[Sending]:
    partition = Sending()
    yield partition
    assert Ledger(partition.memory.counts).imbalance == 0
    assert {name.removeprefix("held:") for name in partition.counts if name.startswith("held:")} <= {*WHY["held"]}
