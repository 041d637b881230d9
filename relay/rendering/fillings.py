"""Filling of an object's texts and lists: all of them by one template, as long as none fails."""

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Template, TemplateSyntaxError

from relay.errors import TemplateError
from relay.rendering.context import Context
from relay.rendering.environments import END, TemplateEnvironment

MAX_TEXT = 64 * 1024  # characters one text may grow to
Filled = tuple[Any, Any]  # texts by their numbers, lists by their names


class Filling:
    """Lists and texts of one object that escape alike, worked out by one template."""

    def __init__(self, environment: TemplateEnvironment, file: Path) -> None:
        self.environment = environment
        self._file = file
        self._lists: dict[str, str] = {}
        self._texts: list[str] = []
        self._template: Template | None = None

    def add_list(self, source: str, line: int) -> str:
        """Take an expression `line` lines down in the file; return the name that its value gets."""
        name = f"_list{len(self._lists)}"
        self._lists[name] = "\n" * line + f"{{% set {name} = {source} %}}"
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
                self._template = self.environment.together([*self._lists.values()], self._texts, self._file)
            except TemplateSyntaxError as error:
                raise TemplateError(f"{error.filename or self._file}:{error.lineno}: {error.message}") from None
            except (RecursionError, SyntaxError, ValueError, MemoryError):  # what Python cannot compile
                raise TemplateError(f"{self._file}:1: nested too deep, or a number too long") from None

    def fill(self, values: Context) -> Filled:
        """Return the texts, and the lists by their names. TemplateError names file and line."""
        if self._template is None:
            return (), {}
        try:
            return self._filled(self._template, values, len(self._texts))
        except TemplateError:
            values = copy(values)  # what fails may be a text that nothing asks for: an empty field omits the object
            texts = OnDemand(lambda number: self._alone((), [self._texts[number]], values)[0][0])
            return texts, OnDemand(lambda name: self._alone([self._lists[name]], (), values)[1][name])

    def _filled(self, template: Template, values: Context, count: int) -> Filled:
        text, lists = self.environment.run(template, values)
        *texts, _ = text.split(END)
        if len(texts) != count:
            raise TemplateError(f"{self._file}: a text holds {END!r}")
        return [self.environment.tidy(rendered, str(self._file), MAX_TEXT) for rendered in texts], lists

    def _alone(self, lists: Sequence[str], texts: Sequence[str], values: Context) -> Filled:
        return self._filled(self.environment.together(lists, texts, self._file), values, len(texts))


@dataclass
class OnDemand:
    """Values that are worked out when they are asked for."""

    work: Callable[[Any], Any]

    def __getitem__(self, key: Any) -> Any:
        return self.work(key)


def filled(fillings: tuple[Filling, Filling], values: Context) -> tuple[Filled, Filled]:
    """Fill in an object's texts and its addresses, which may be one and the same."""
    texts = fillings[0].fill(values)
    return texts, texts if fillings[0] is fillings[1] else fillings[1].fill(values)
