"""Comparison of an answer with what the API's documentation shows of it."""

from typing import Any


def shape(documented: Any, answered: Any, at: str = "") -> list[str]:
    """Return where an answer lacks a documented field, or has it in another type. A phase is one by its name."""
    if isinstance(documented, dict):
        if not isinstance(answered, dict):
            return [f"{at}: expected an object, got {answered!r}"]
        missing = [f"{at}.{key}: missing" for key in documented if key not in answered]
        return missing + [
            fault for key in documented if key in answered
            for fault in shape(documented[key], answered[key], f"{at}.{key}")
        ]  # fmt: skip
    if isinstance(documented, list):
        if not isinstance(answered, list) or bool(documented) > bool(answered):
            return [f"{at}: expected a list like {documented!r}, got {answered!r}"]
        pairs = list(zip(documented, answered, strict=False))
        return [fault for index, pair in enumerate(pairs) for fault in shape(*pair, f"{at}[{index}]")]
    if documented is None:
        return []
    kinds: tuple[type, ...] = (int, float) if isinstance(documented, int | float) else (type(documented),)
    wrong = isinstance(answered, bool) != isinstance(documented, bool) or not isinstance(answered, kinds)
    return [f"{at}: expected {documented!r}, got {answered!r}"] if wrong else []
