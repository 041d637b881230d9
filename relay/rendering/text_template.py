"""Text templates, compiled at their places in a file."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Template
from jinja2.exceptions import TemplateSyntaxError

from relay.errors import TemplateError
from relay.rendering.environments import TemplateEnvironment, Values

MAX_TEXT = 64 * 1024  # characters one text may grow to


@dataclass(frozen=True, slots=True)
class Source:
    """A Jinja source `line` lines down in its file, and the names that its place adds: those of `each: NAME in`."""

    file: Path
    line: int
    text: str
    names: frozenset[str] = frozenset()


class Texts:
    """The texts of one message's file that escape alike. They are compiled together, when the first is asked for."""

    def __init__(self, environment: TemplateEnvironment, file: Path) -> None:
        self.hosts = environment.hosts
        self._environment = environment
        self._file = file
        self._sources: list[str] = []
        self._templates: list[Template] = []
        self._fillers: list[Callable[[Values], str]] = []

    def text(self, source: str, line: int) -> Callable[[Values], str]:
        """The text that stands `line` lines down in the file, without the white space around it."""
        number = self._add(source, line)
        return lambda values: self._fillers[number](values)  # noqa: PLW0108 - it is compiled later

    def items(self, source: str, line: int) -> Callable[[Values], Any]:
        """What is repeated; an unknown name raises when asked."""
        number = self._add(f"{{% set items = {source} %}}", line)
        return lambda values: self._environment.variable(self._templates[number], "items", values)

    def compile(self) -> None:
        """TemplateError names file and line."""
        try:
            self._templates = self._environment.templates(self._sources, self._file)
            self._fillers = [self._environment.filler(template, MAX_TEXT) for template in self._templates]
        except TemplateSyntaxError as error:
            raise TemplateError(f"{error.filename or self._file}:{error.lineno}: {error.message}") from None
        except (RecursionError, SyntaxError, ValueError, MemoryError):  # what Python cannot compile
            raise TemplateError(f"{self._file}:1: nested too deep, or a number too long") from None

    def _add(self, source: str, line: int) -> int:
        # Empty lines before it make Jinja's line numbers those of the file; render_text strips them again.
        self._sources.append("\n" * line + source)
        return len(self._sources) - 1
