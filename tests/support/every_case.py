"""Many cases in one test, which goes on after a fault: its report lists each case that failed, and why.

with every_case() as case:
    for language in LANGUAGES:
        with case(language):
            assert …
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

Case = Callable[..., AbstractContextManager[None]]


@contextmanager
def every_case() -> Iterator[Case]:
    """Gives what each case is put into, by the words that name it. Fails at the end, if one did or there was none."""
    faults: list[str] = []
    names: list[str] = []

    @contextmanager
    def case(*words: object) -> Iterator[None]:
        names.append(" ".join(map(str, words)))
        try:
            yield
        except AssertionError as error:
            faults.append(f"{names[-1]}: {error}")
        except Exception as error:  # noqa: BLE001 - one that breaks must not hide the others
            faults.append(f"{names[-1]}: {type(error).__name__}: {error}")

    yield case
    if not names:
        pytest.fail("there was no case", pytrace=False)
    if faults:
        pytest.fail("\n".join([f"{len(faults)} of {len(names)} cases failed", *faults]), pytrace=False)
