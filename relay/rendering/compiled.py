"""Compiled templates: relay's own are read from a folder that its setup wrote, and all are kept in this process.

`python -m relay.rendering` writes the folder, which a running relay only reads. An operator's templates are
compiled in memory.
"""

import contextlib
import hashlib
import marshal
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import CodeType
from typing import NamedTuple

import jinja2

FOLDER = Path(__file__).parent / "__pycache__" / "templates"
MODULES = ("autoescape", "environments", "macros")  # which decide what code a source becomes
MAX_COMPILED = 4096  # files

COMPILED: dict["Key", CodeType] = {}


class Key(NamedTuple):
    """Source of a template, and how it is compiled."""

    escaped: bool
    file: str
    source: str


@cache
def _version() -> bytes:
    """Return what compiles: after an update nothing is loaded that another relay, Jinja or Python compiled."""
    made_by = [Path(__file__).with_name(f"{name}.py").read_bytes() for name in MODULES]
    return b"".join([str(sys.implementation.cache_tag).encode(), jinja2.__version__.encode(), *made_by])


def place_of(key: Key) -> Path:
    """Return the file of a template's code in the folder."""
    return FOLDER / hashlib.sha256(_version() + repr(key).encode()).hexdigest()[:32]


def code_of(key: Key, compile_: Callable[[], CodeType]) -> CodeType:
    """Return the code of a template: known here, of the folder, or compiled now."""
    code = COMPILED.get(key)
    if code is None:
        if len(COMPILED) >= MAX_COMPILED:
            COMPILED.clear()
        code = COMPILED[key] = _stored(key) or compile_()
    return code


def _stored(key: Key) -> CodeType | None:
    with contextlib.suppress(OSError, EOFError, ValueError, TypeError):  # absent, or cut short
        code = marshal.loads(place_of(key).read_bytes())  # noqa: S302 - as trusted as relay's code beside it
        return code if isinstance(code, CodeType) else None
    return None
