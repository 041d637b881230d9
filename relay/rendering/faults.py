"""Faults of templates, at the place that its author can change."""

from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path

from jinja2 import ChainableUndefined, StrictUndefined, Template
from jinja2.exceptions import SecurityError

from relay.errors import TemplateError
from relay.resources import resource_dir

MAX_WRITTEN = 2**20  # characters of one value, and of all texts of a message together
FEW = 64  # parts of a text that are joined before they are measured
ALIKE = 0.6  # what is worth a question
SURE = 0.8  # what is hardly anything else, where any name may be right
OPEN = ("op", "batch", "results", "error", "cancellation", "phase", "doc", "digest")
"""Objects that carry every field of the platform's documents beside their own: any name may be right."""


class Absent(ChainableUndefined, StrictUndefined):
    """Absent name or field, as are its fields; using it is an error. Documented fields are there, as None."""

    __slots__ = ()

    @property
    def _undefined_message(self) -> str:
        name, owner = self._undefined_name, self._undefined_obj
        if self._undefined_hint or not isinstance(name, str):
            return super()._undefined_message
        names = [key for key in owner if isinstance(key, str)] if isinstance(owner, Mapping) else []
        if names and not nearest(name, names, SURE):
            return f"{name} is not there; write |default('') behind it where it may be absent"
        return unknown(name, names)


def fault(error: Exception, template: Template) -> TemplateError:
    """Return the error with its place: the innermost of the author's own templates that it came from, else of all."""
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


def too_long() -> SecurityError:
    """Return the error of a text or a list that grows."""
    return SecurityError(f"it grows beyond {MAX_WRITTEN:,} characters")


def concat(parts: Iterable[str], separator: str = "") -> str:
    """Join what a template writes. SecurityError if it is too long."""
    texts = parts if type(parts) is list else [*parts]
    size = len(texts)
    if size > FEW and (size * len(separator) > MAX_WRITTEN or sum(map(len, texts)) > MAX_WRITTEN):
        raise too_long()
    text = separator.join(texts)
    if len(text) > MAX_WRITTEN:
        raise too_long()
    return text


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
    hint = f"did you mean {before}{near}?" if near else "`relay template preview` shows what there is"
    return f"{before}{name} is unknown; {hint}"


def _swapped(name: str, other: str) -> bool:
    differing = [number for number, pair in enumerate(zip(name, other, strict=False)) if pair[0] != pair[1]]
    if len(name) != len(other) or len(differing) != 2 or differing[1] - differing[0] != 1:
        return False
    first, second = differing
    return name[first] == other[second] and name[second] == other[first]
