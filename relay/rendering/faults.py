"""Faults of templates, at the place that its author can change.

An author's `op.nmae` may be handed to a macro of relay's and fail where that prints it. What helps is the place where
it was written, so each absence remembers it.
"""

import sys
from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

from jinja2 import ChainableUndefined, StrictUndefined, Template
from jinja2.exceptions import UndefinedError
from jinja2.runtime import Context
from jinja2.utils import missing

from relay.errors import TemplateError
from relay.resources import resource_dir

ALIKE = 0.6  # what is worth a question
SURE = 0.8  # what is hardly anything else, where any name may be right
DEPTH = 20  # frames between a template and what it asked for: the environment, a filter and what that calls
OPEN = ("op", "batch", "results", "error", "cancellation", "phase", "doc", "digest")
"""Objects that carry every field of the platform's documents beside their own: any name may be right."""


class Place(NamedTuple):
    """Place in a template where something was asked for."""

    file: str
    line: int
    owner: str  # `op` of `op.nmae`; empty where it has no name
    names: tuple[str, ...]  # what could be meant instead


class AbsentUsed(UndefinedError):
    """Use of something that is not there."""

    def __init__(self, message: str | None, origin: Place | None) -> None:
        super().__init__(message)
        self.origin = origin


class Absent(ChainableUndefined, StrictUndefined):
    """Absent name or field, as are its fields; using it is an error. Documented fields are there, as None."""

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
            return f"{before}{name} is not there; write {{{{ {before}{name}|default('') }}}} where it may be absent"
        return unknown(name, origin.names, before)


def _origin(owner: Any) -> Place | None:
    """Return the place in the nearest template that is at work; None outside of any."""
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
    """Return the template's name of this object: `op`, or `op.phase`. Jinja's names for its own are `l_0_op`."""
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


def fault(error: Exception, template: Template) -> TemplateError:
    """Return the error with its place: where something absent was asked for, else the innermost of the author's own
    templates that it came from, else the innermost of all."""
    origin = error.origin if isinstance(error, AbsentUsed) else None
    if origin and not _built_in(origin.file):
        return TemplateError(f"{origin.file}:{origin.line}: {error}")
    locations = [f"{template.filename}"]
    traceback = error.__traceback__
    while traceback:
        if "__jinja_exception__" in traceback.tb_frame.f_globals:  # Jinja has put file and line there
            locations.append(f"{traceback.tb_frame.f_code.co_filename}:{traceback.tb_lineno}")
        traceback = traceback.tb_next
    authors = next((location for location in reversed(locations) if not _built_in(location)), "")
    if not authors or authors == locations[-1]:
        return TemplateError(f"{locations[-1]}: {error}")
    return TemplateError(f"{authors}: {error} (in {Path(locations[-1]).name})")


def _built_in(location: str) -> bool:
    return Path(location).is_relative_to(resource_dir("templates"))


def nearest(name: str, names: Iterable[str], cutoff: float = ALIKE) -> str:
    """Return the most similar of these names, or ''. Two letters that changed places are similar enough."""
    spellings = [*names]
    near = get_close_matches(name, spellings, 1, cutoff) or [other for other in spellings if _swapped(name, other)]
    return next(iter(near), "")


def unknown(name: str, names: Collection[str], before: str = "") -> str:
    """Return the sentence about an unknown name."""
    near = nearest(name, names)
    hint = f"did you mean {before}{near}?" if near else "`relay template vars` lists what there is"
    return f"{before}{name} is unknown; {hint}"


def _swapped(name: str, other: str) -> bool:
    differing = [number for number, pair in enumerate(zip(name, other, strict=False)) if pair[0] != pair[1]]
    if len(name) != len(other) or len(differing) != 2 or differing[1] - differing[0] != 1:
        return False
    first, second = differing
    return name[first] == other[second] and name[second] == other[first]
