"""Reading documents that may lack anything, or hold anything in its place. Nothing here raises. Pure."""

import math
from collections.abc import Mapping
from typing import Any

_LARGEST = 1e300  # JSON's whole numbers have no end; a number beyond this cannot become a float


def mapping(value: object) -> Mapping[str, Any]:
    """The object, or an empty one."""
    # It nearly always is a dict, and to ask for that alone takes a sixth of what an abstract class takes.
    return value if isinstance(value, (dict, Mapping)) else {}


def rows(value: object) -> list[Mapping[str, Any]]:
    """The objects of a list; what is no object is left out."""
    return [item for item in value if isinstance(item, (dict, Mapping))] if isinstance(value, list) else []


def finite(value: object) -> float | None:
    """The number, if it is one that can be shown and calculated with."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if abs(value) <= _LARGEST and math.isfinite(value) else None
