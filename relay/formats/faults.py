"""Faults of formats, with their place."""

from collections.abc import Callable
from typing import Any


class FormatError(ValueError):
    """A format is written wrongly; `path` leads from the format to the place."""

    def __init__(self, message: str, path: tuple[str | int, ...] = ()) -> None:
        self.path = path
        super().__init__(message)


def at(step: str | int | None, make: Callable[..., Any], *arguments: Any) -> Any:
    """Call it, and add the step to the place of an error."""
    try:
        return make(*arguments)
    except FormatError as error:
        error.path = error.path if step is None else (step, *error.path)
        raise
