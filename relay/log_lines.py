"""Log lines that strangers can cause, and what a line says of an error."""

import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any


def location_of(error: BaseException) -> str:
    """Return the file and line that raised the error; its text might quote a payload."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""


class RateLimitedLog:
    """Lines that a stranger can cause: one a `period` (seconds) per event and key. A field may be a function."""

    def __init__(self, clock: Callable[[], float], period: float = 1.0) -> None:
        self._clock = clock
        self._period = period
        self._written_at: dict[tuple[str, str], float] = {}
        self._left_out: dict[tuple[str, str], int] = {}

    def warning(self, logger: Any, event: str, key: str = "", **fields: object) -> None:
        self._line(logger.warning, event, key, fields)

    def error(self, logger: Any, event: str, key: str = "", **fields: object) -> None:
        self._line(logger.error, event, key, fields)

    def _line(self, write: Callable[..., object], event: str, key: str, fields: Mapping[str, object]) -> None:
        line, now = (event, key), self._clock()
        if 0 <= now - self._written_at.get(line, float("-inf")) < self._period:
            self._left_out[line] = self._left_out.get(line, 0) + 1
            return
        self._written_at[line] = now
        values = {name: field() if callable(field) else field for name, field in fields.items()}
        write(event, left_out=self._left_out.pop(line, 0), **values)
