"""Entries that are decided together: how many, and what one of them may not spoil."""

from typing import Any

from relay.engine.draft import Draft
from relay.engine.state import Changes, State
from relay.store.journal.batch import Batch, Rules
from relay.store.journal.codec import Codec
from relay.store.journal.items import Item
from relay.store.journal.writes import MOST_WRITES
from tests.support.memory import Memory


def place(state: State, count: int, now: int, _settings: Any) -> tuple[Changes, None]:
    draft = Draft(state, now)
    for number in range(count):
        draft.place("timers", f"{number}", now)
    return draft.changes, None


def test_a_batch_ends_where_it_would_be_too_many_writes() -> None:
    rules = Rules(place, Codec())
    batch = Batch(rules, Memory(), 1, None)

    assert batch.run([Item(MOST_WRITES - 1), Item(1), Item(1), Item(1)]) == []

    assert [item.entry for item, _ in batch.outcomes] == [MOST_WRITES - 1, 1]
