"""Access to documents that may lack any field, or hold anything in its place. Raises nothing. Pure."""

import math
from collections.abc import Mapping
from typing import Any

_LARGEST = 1e300  # JSON's whole numbers have no end; a number beyond this cannot become a float


def mapping(value: object) -> Mapping[str, Any]:
    """Return the object, or an empty one."""
    return value if isinstance(value, Mapping) else {}


def rows(value: object) -> list[Mapping[str, Any]]:
    """Return the objects of a list; other values are left out."""
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def finite(value: object) -> float | None:
    """Return the number, if it can be shown and calculated with."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if abs(value) <= _LARGEST and math.isfinite(value) else None
