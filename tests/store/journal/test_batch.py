"""Entries that are decided together: how many, and what one of them may not spoil."""

from typing import Any

from relay.engine.draft import Draft
from relay.engine.state import Changes, State
from relay.errors import HandlingFailed
from relay.store.journal.batch import Batch, Rules
from relay.store.journal.codec import Codec
from relay.store.journal.items import Item
from relay.store.journal.writes import MOST_WRITES
from relay.store.keys import ENTRY, FAULTS
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


def test_no_entry_is_set_aside_for_a_wrong_guess() -> None:
    """What fails on a record that was taken to be absent fails for good only where that is absent."""

    def fail(state: State, entry: str, now: int, settings: Any) -> tuple[Changes, None]:
        raise LookupError(entry)

    guesses = {"a record"}
    batch = Batch(Rules(fail, Codec()), Memory(), 1, None, guesses)
    item = Item("entry", id=(1, 0), appended=b"its name and text")
    assert batch.run([item]) == []
    assert (batch.outcomes, batch.draft.changes.tables, item.reported) == ([], {}, False)

    guesses.clear()  # it was read
    assert batch.run([item]) == []

    ((_, outcome),) = batch.outcomes
    assert isinstance(outcome, HandlingFailed)
    assert list(batch.draft.changes.tables[FAULTS].fields) == [f"{ENTRY}1-0"]
