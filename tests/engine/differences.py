"""What the engine does otherwise, on purpose: tests of tests/, and why each does not hold for it.

A key is the beginning of a test's id. All other tests that need a store alone hold for the store and for the engine.
"""

PLACES = "a cursor says no partition"
CLASSES = "it compares with the class of relay.store"
DIFFERENT: dict[str, str] = {
    "tests/store/test_history.py::test_a_cursor_that_no_page_gave_is_refused[1-1-1": PLACES,
    "tests/store/test_reconciliation.py::test_runs_that_go_on_and_were_silent_are_given": CLASSES,
}
