"""Faults in relay's own pure code: the same event meets them at every try, so a retry cannot help.

Steps that need no Redis run under `handling`, which raises HandlingFailed. Errors outside of it, because of Redis or
after the event was made durable, stay as they are: the sender tries again.
"""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from relay.errors import HandlingFailed, RelayError

HERE = Path(__file__).parents[1]


@contextmanager
def handling() -> Iterator[None]:
    """Raise unexpected errors as HandlingFailed; relay's own errors pass."""
    try:
        yield
    except RelayError:
        raise
    except Exception as error:
        raise HandlingFailed(type(error).__name__, relay_line(error)) from error


def relay_line(error: BaseException) -> str:
    """Return the last line of relay's code that the error came through, for instance `relay/store/plan.py:40`."""
    frames = traceback.extract_tb(error.__traceback__)
    inside = [frame for frame in frames if Path(frame.filename).is_relative_to(HERE)]
    if inside:
        return f"{Path(inside[-1].filename).relative_to(HERE.parent)}:{inside[-1].lineno}"
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "an unknown place"
