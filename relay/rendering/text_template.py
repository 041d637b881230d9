"""One text template: compiled at its place in a file, filled in within bounds, its faults told with file and line."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Template
from jinja2.exceptions import TemplateSyntaxError

from relay.errors import TemplateError
from relay.rendering.absent import AbsentUsed
from relay.rendering.sandbox import Sandbox
from relay.resources import resource_dir

MAX_TEXT = 64 * 1024  # characters one text may grow to

Values = Mapping[str, Any]
Text = Callable[[dict[str, Any]], str]
"""A text template: filled in with these values, without the white space around it."""


@dataclass(frozen=True, slots=True)
class Source:
    """A Jinja source `line` lines down in its file, and the names that its place adds: those of `each: NAME in`."""

    file: Path
    line: int
    text: str
    names: frozenset[str] = frozenset()


class JinjaTexts:
    """Compiles what stands in a message's file, for the sandbox."""

    def __init__(self, environment: Sandbox) -> None:
        self.hosts = environment.hosts
        self._environment = environment

    def text(self, source: str, file: Path, line: int) -> Text:
        """The text that stands `line` lines down in the file. TemplateError names file and line."""
        template = compile_text(self._environment, source, file, line)
        unquoted = self._environment.unquoted
        return lambda values: unquoted(render_text(template, values))

    def items(self, source: str) -> Callable[[dict[str, Any]], Any]:
        """What is repeated. Jinja's TemplateSyntaxError if it is no expression; an unknown name raises when asked."""
        items = self._environment.compile_expression(source, undefined_to_none=False)
        return lambda values: items(**values)


def compile_text(environment: Sandbox, source: str, file: Path, line: int = 0) -> Template:
    """The template that stands `line` lines down in the file. TemplateError names file and line."""
    # Empty lines before it make Jinja's line numbers those of the file; render_text strips them again.
    padded = "\n" * line + source
    try:
        code = environment.compile(padded, name=str(file), filename=str(file))
    except TemplateSyntaxError as error:
        raise TemplateError(f"{error.filename or file}:{error.lineno}: {error.message}") from None
    except RecursionError:
        raise TemplateError(f"{file}:{line + 1}: nested too deep") from None
    return Template.from_code(environment, code, environment.make_globals(None))


def render_text(template: Template, values: Values, limit: int = MAX_TEXT) -> str:
    """The text, without the white space around it. TemplateError names file and line."""
    pieces: list[str] = []
    room = limit
    pieces_made = template.generate(**values)
    while room >= 0:
        try:
            piece = next(pieces_made, None)
        except Exception as error:
            raise fault(error, template) from error
        if piece is None:
            return trimmed("".join(pieces))
        pieces.append(piece)
        room -= len(piece)
    raise TemplateError(f"{template.filename}: the text grows beyond {limit} characters")


def trimmed(text: str) -> str:
    """Without white space around it, and none at the end of any line."""
    text = text.strip()
    return "\n".join(map(str.rstrip, text.split("\n"))) if "\n" in text else text


def fault(error: Exception, template: Template) -> TemplateError:
    """The error at the place that its author can change: where something was asked for that is not there, else the
    innermost of their own templates that it came from, else the innermost of all."""
    origin = error.origin if isinstance(error, AbsentUsed) else None
    if origin and not _built_in(origin.file):
        return TemplateError(f"{origin.file}:{origin.line}: {error}")
    locations = [f"{template.filename}"]
    traceback = error.__traceback__
    while traceback:
        if "__jinja_exception__" in traceback.tb_frame.f_globals:  # Jinja has put file and line there
            locations.append(f"{traceback.tb_frame.f_code.co_filename}:{traceback.tb_lineno}")
        traceback = traceback.tb_next
    own = next((location for location in reversed(locations) if not _built_in(location)), "")
    if not own or own == locations[-1]:
        return TemplateError(f"{locations[-1]}: {error}")
    return TemplateError(f"{own}: {error} (in {Path(locations[-1]).name})")


def _built_in(location: str) -> bool:
    return Path(location).is_relative_to(resource_dir("templates"))
