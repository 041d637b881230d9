"""One text template: compiled at its place in a file, filled in within bounds, its faults told with file and line."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, Template
from jinja2.exceptions import TemplateSyntaxError

from relay.errors import TemplateError

MAX_TEXT = 64 * 1024  # characters one text may grow to

Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Source:
    """A Jinja source `line` lines down in its file, and the names that its place adds: those of `each: NAME in`."""

    file: Path
    line: int
    text: str
    names: frozenset[str] = frozenset()


def compile_text(environment: Environment, source: str, file: Path, line: int = 0) -> Template:
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
            return "\n".join(line.rstrip() for line in "".join(pieces).strip().split("\n"))
        pieces.append(piece)
        room -= len(piece)
    raise TemplateError(f"{template.filename}: the text grows beyond {limit} characters")


def fault(error: Exception, template: Template) -> TemplateError:
    """The error with file and line of the innermost template it came from; Jinja has put both into the traceback."""
    location = str(template.filename)
    traceback = error.__traceback__
    while traceback:
        if "__jinja_exception__" in traceback.tb_frame.f_globals:
            location = f"{traceback.tb_frame.f_code.co_filename}:{traceback.tb_lineno}"
        traceback = traceback.tb_next
    return TemplateError(f"{location}: {error}")
