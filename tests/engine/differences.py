"""What the engine does otherwise, on purpose: tests of tests/, and why each does not hold for it.

A key is the beginning of a test's id. All other tests that need a store alone hold for the store and for the engine.
"""

DIFFERENT: dict[str, str] = {}
