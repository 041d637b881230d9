"""Texts of a message's file, filled in together: those of one object are one template, each in a scope of its own."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Template
from jinja2.exceptions import TemplateSyntaxError

from relay.errors import TemplateError
from relay.rendering.environments import END, TemplateEnvironment

MAX_TEXT = 64 * 1024  # characters one text may grow to

Values = dict[str, Any]
Filled = tuple[Sequence[str], Mapping[str, Any]]
"""Texts by their numbers, and lists by their names."""


class Filling:
    """Lists and texts of one object that escape alike, worked out by one template."""

    def __init__(self, environment: TemplateEnvironment, file: Path, number: int) -> None:
        self.environment = environment
        self._file, self._number = file, number  # of the file's fillings
        self._lists: list[str] = []
        self._texts: list[str] = []
        self._template: Template | None = None

    def add_list(self, source: str, line: int) -> str:
        """Take an expression `line` lines down in the file; return the name that its value gets."""
        name = f"_list{len(self._lists)}"
        self._lists.append("\n" * line + f"{{% set {name} = {source} %}}")
        return name

    def add_text(self, source: str, line: int) -> int:
        """Take a text `line` lines down in the file; return its number."""
        # Empty lines before it make Jinja's line numbers those of the file; filling in strips them again.
        self._texts.append("\n" * line + source)
        return len(self._texts) - 1

    def compile(self) -> None:
        """Compile all. TemplateError names file and line."""
        if self._lists or self._texts:
            try:
                self._template = self.environment.together(self._lists, self._texts, self._file, self._number)
            except TemplateSyntaxError as error:
                raise TemplateError(f"{error.filename or self._file}:{error.lineno}: {error.message}") from None
            except (RecursionError, SyntaxError, ValueError, MemoryError):  # what Python cannot compile
                raise TemplateError(f"{self._file}:1: nested too deep, or a number too long") from None

    def fill(self, values: Values) -> Filled:
        """Return the texts, and the lists by their names. TemplateError names file and line."""
        if self._template is None:
            return (), {}
        text, lists = self.environment.run(self._template, values)
        *texts, _ = text.split(END)
        if len(texts) != len(self._texts):
            raise TemplateError(f"{self._file}: a text holds {END!r}")
        return [self.environment.tidy(one, str(self._file), MAX_TEXT) for one in texts], lists


def filled(fillings: tuple[Filling, Filling], values: Values) -> tuple[Filled, Filled]:
    """Fill in an object's texts and its addresses, which may be one and the same."""
    texts = fillings[0].fill(values)
    return texts, texts if fillings[0] is fillings[1] else fillings[1].fill(values)
