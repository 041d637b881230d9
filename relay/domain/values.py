"""Values: classes whose objects nobody changes. Pure."""

from dataclasses import dataclass, field
from typing import Any, dataclass_transform


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def immutable(cls: type[Any]) -> Any:
    """As `@dataclass(frozen=True, slots=True)` to whoever writes code, and to mypy: it refuses what would change one.

    When relay runs, nothing is guarded: a frozen dataclass sets each field by a call, and an event of 25 fields takes
    2.3 µs to make instead of 0.5.
    """
    return dataclass(slots=True, unsafe_hash=True)(cls)
