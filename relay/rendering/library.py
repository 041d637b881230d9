"""All template files, found and compiled once. For each file, the directory that is searched first wins."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import FileSystemLoader, Template
from jinja2.exceptions import TemplateError as JinjaError
from jinja2.exceptions import TemplateSyntaxError
from markupsafe import Markup

from relay.errors import TemplateError
from relay.rendering.leaves import Values, fault
from relay.rendering.sandbox import Mode, Sandbox, environment
from relay.rendering.texts import line
from relay.rendering.trees import Tree

# How a channel's texts escape what events say. A channel that is not named here sends plain text.
MODES: dict[str, Mode] = {"slack": "mrkdwn", "email": "text"}
GENERIC = "generic"
SENTENCES = "sentences.j2"
PARTS = "parts.j2"
NO_CHANNELS = ("locales", "samples")


class Library:
    """The messages of every channel, their shared macros, and the layouts that mails are set in."""

    def __init__(self, directories: Sequence[Path]) -> None:
        self._loader = FileSystemLoader(list(directories))
        self.environments: dict[Mode, Sandbox] = {
            mode: environment(mode, self._loader) for mode in ("mrkdwn", "html", "text")
        }
        self._trees: dict[str, dict[str, Tree]] = {}
        self._names = self._loader.list_templates()
        for name in self._names:
            channel, _, file = name.partition("/")
            if file.endswith(".yaml") and "/" not in file and channel not in NO_CHANNELS:
                self._trees.setdefault(channel, {})[file.removesuffix(".yaml")] = self._tree(name, channel)
        for mode, name in self._plain_templates():
            self.template(mode, name)

    @property
    def channels(self) -> tuple[str, ...]:
        return tuple(self._trees)

    @property
    def messages(self) -> Mapping[str, Mapping[str, Tree]]:
        """Per channel, the message files by their names without `.yaml`."""
        return self._trees

    def message(self, channel: str, name: str, kind: str) -> Tree:
        """The file for this kind of the message, else the message's, else the one for everything unknown."""
        trees = self._trees.get(channel, {})
        for candidate in (f"{name}.{kind}", name, f"{GENERIC}.{kind}", GENERIC):
            if candidate in trees:
                return trees[candidate]
        raise TemplateError(f"no template for {channel}: expected a file {channel}/{GENERIC}.yaml in {self._where()}")

    def layout(self, channel: str, name: str, ending: str) -> Template:
        """The message's own layout, else the channel's."""
        own = f"{channel}/{name}.{ending}"
        mode: Mode = "html" if ending == "html" else "text"
        return self.template(mode, own if own in self._names else f"{channel}/layout.{ending}")

    def template(self, mode: Mode, name: str) -> Template:
        """A template file, compiled. TemplateError names file and line."""
        try:
            return self.environments[mode].get_template(name)
        except TemplateSyntaxError as error:
            raise TemplateError(f"{error.filename or name}:{error.lineno}: {error.message}") from None
        except JinjaError as error:
            raise TemplateError(f"{name}: not found in {self._where()}, or {error}") from None

    def macros(self, mode: Mode, channel: str, values: Values) -> dict[str, Any]:
        """`say`, the sentences that all channels share, and `parts`, the channel's own building blocks."""
        say = self._macros(mode, SENTENCES, values, line)
        parts = self._macros(mode, f"{channel}/{PARTS}", {**values, "say": say}, _lines)
        return {"say": say, "parts": parts}

    def sources(self) -> Iterator[tuple[str, str]]:
        """Every Jinja source with the file it stands in."""
        for trees in self._trees.values():
            for tree in trees.values():
                yield from ((str(tree.file), source) for source in tree.sources)
        for name in {name for _, name in self._plain_templates()}:
            source, file, _ = self._loader.get_source(self.environments["text"], name)
            yield str(file), source

    def _macros(self, mode: Mode, name: str, values: Values, tidy: Callable[[str], str]) -> dict[str, Any]:
        if name not in self._names:
            return {}
        template = self.template(mode, name)
        try:
            module = template.make_module(dict(values))
        except Exception as error:
            raise fault(error, template) from error
        found = {key: value for key, value in vars(module).items() if not key.startswith("_") and callable(value)}
        return {key: _tidied(macro, tidy) for key, macro in found.items()}

    def _plain_templates(self) -> Iterator[tuple[Mode, str]]:
        for name in self._names:
            folder, _, file = name.rpartition("/")
            if name == SENTENCES:
                yield from ((mode, name) for mode in self.environments)
            elif file == PARTS:
                yield MODES.get(folder, "text"), name
            elif file.endswith((".html", ".txt")) and folder not in NO_CHANNELS:
                yield ("html" if file.endswith(".html") else "text"), name

    def _tree(self, name: str, channel: str) -> Tree:
        source, file, _ = self._loader.get_source(self.environments["text"], name)
        texts, addresses = self.environments[MODES.get(channel, "text")], self.environments["text"]
        return Tree(Path(file or name), source, texts, addresses)

    def _where(self) -> str:
        return ", ".join(str(path) for path in self._loader.searchpath)


def _tidied(macro: Callable[..., Any], tidy: Callable[[str], str]) -> Callable[..., Any]:
    """The macro without the white space its own layout brings; escaped text stays marked as such."""

    def call(*arguments: Any, **named: Any) -> Any:
        told = macro(*arguments, **named)
        return Markup(tidy(told)) if isinstance(told, Markup) else tidy(told)  # noqa: S704 - it was Markup before

    return call


def _lines(text: str) -> str:
    return "\n".join(stripped for each in text.split("\n") if (stripped := each.strip(" ")))
