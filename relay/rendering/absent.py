"""A name or a field that is not there, and the place in a template that asked for it.

An author's `op.nmae` may be handed to a macro of relay's and fail where that prints it. What helps is the place where
it was written, so each absence remembers it.
"""

import sys
from collections.abc import Mapping
from functools import partial
from types import FrameType
from typing import Any, NamedTuple

from jinja2 import ChainableUndefined, StrictUndefined
from jinja2.exceptions import UndefinedError
from jinja2.runtime import Context
from jinja2.utils import missing

from relay.rendering.near_names import SURE, nearest, unknown

DEPTH = 20  # frames between a template and what it asked for: the environment, a filter and what that calls
OPEN = ("op", "batch", "results", "error", "cancellation", "phase", "doc", "digest")
"""Objects that carry every field of the platform's documents beside their own: any name may be right."""


class Place(NamedTuple):
    """Where in a template something was asked for, and of what."""

    file: str
    line: int
    owner: str  # `op` of `op.nmae`; empty where it has no name
    names: tuple[str, ...]  # what could be meant instead


class AbsentUsed(UndefinedError):
    """Something that is not there was used."""

    def __init__(self, message: str | None, origin: Place | None) -> None:
        super().__init__(message)
        self.origin = origin


class Absent(ChainableUndefined, StrictUndefined):
    """A name or field that is not there: its fields are not there either, and using it is an error.

    What the documents may leave out and relay knows of is always there, as None, which prints nothing.
    """

    __slots__ = ("_origin",)

    def __init__(self, hint: str | None = None, obj: Any = missing, name: str | None = None, exc: Any = None) -> None:
        self._origin = _origin(obj)
        super().__init__(hint, obj, name, exc or partial(AbsentUsed, origin=self._origin))  # type: ignore[arg-type]

    @property
    def _undefined_message(self) -> str:
        name, origin = self._undefined_name, self._origin
        if self._undefined_hint or not isinstance(name, str) or origin is None:
            return super()._undefined_message
        before = f"{origin.owner}." if origin.owner else ""
        if origin.owner.partition(".")[0] in OPEN and not nearest(name, origin.names, SURE):
            return f'{before}{name} is not there; write {{{{ {before}{name}|default("") }}}} where it may be absent'
        return unknown(name, origin.names, before)


def _origin(owner: Any) -> Place | None:
    """The place in the nearest template that is at work. None outside of any."""
    frame: FrameType | None = sys._getframe(2)
    for _ in range(DEPTH):
        if frame is None:
            return None
        template = frame.f_globals.get("__jinja_template__")
        if template is not None and template.filename is not None:
            line = template.get_corresponding_lineno(frame.f_lineno)
            local = frame.f_locals
            return Place(template.filename, line, _name_of(owner, local), _names(owner, local))
        frame = frame.f_back
    return None


def _name_of(owner: Any, local: Mapping[str, Any]) -> str:
    """How the template calls this object: `op`, or `op.phase`. Jinja's names for its own are `l_0_op`."""
    if not isinstance(owner, Mapping):
        return ""
    named = [(key.split("_", 2)[2], value) for key, value in local.items() if key.startswith("l_")]
    for name, value in named:
        if value is owner:
            return name
    inside = ((name, value) for name, value in named if isinstance(value, dict))
    return next((f"{name}.{key}" for name, value in inside for key, field in value.items() if field is owner), "")


def _names(owner: Any, local: Mapping[str, Any]) -> tuple[str, ...]:
    if isinstance(owner, Mapping):
        return tuple(key for key in owner if isinstance(key, str))
    context = local.get("context")
    if owner is missing and isinstance(context, Context):
        return tuple(context.get_all())
    return ()
