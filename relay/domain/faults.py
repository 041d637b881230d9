"""Faults of relay's own in what is pure: the same event meets them at every try, so trying again cannot help.

Whoever handles an event does what needs no Redis under `handling`. What fails there is raised as HandlingFailed; what
fails outside, because of Redis or after the event was made durable, stays as it is: the sender tries again.
"""

import traceback
from pathlib import Path

from relay.errors import HandlingFailed, RelayError

HERE = Path(__file__).parents[1]


class _Handling:
    def __enter__(self) -> None: ...

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, Exception) and not isinstance(error, RelayError):
            raise HandlingFailed(type(error).__name__, own_line(error)) from error


_HANDLING = _Handling()  # it holds nothing: one is enough for all


def handling() -> _Handling:
    """What nobody expected in here becomes HandlingFailed; relay's own errors pass."""
    return _HANDLING


def own_line(error: BaseException) -> str:
    """The last line of relay's own that the error came through, for instance `relay/store/plan.py:40`."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(HERE)]
    if own:
        return f"{Path(own[-1].filename).relative_to(HERE.parent)}:{own[-1].lineno}"
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "an unknown place"
