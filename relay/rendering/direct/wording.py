"""The built-in files of one set of templates, each compiled to functions when it is first asked for."""

import contextlib
import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from types import CodeType
from typing import Any, get_args

from jinja2 import nodes

from relay.rendering.direct.functions import Writer
from relay.rendering.direct.layouts import inlined
from relay.rendering.direct.names import NotDirect
from relay.rendering.direct.runtime import namespace, serialized
from relay.rendering.formats import format_of
from relay.rendering.formats.plain import Content, Ending
from relay.rendering.inliner import inline
from relay.rendering.message_template import MessageTemplate
from relay.rendering.sandbox import COMPILED, Escaping, Sandbox
from relay.rendering.template_set import PARTS, SENTENCES, TemplateSet, lines
from relay.rendering.text_template import MAX_TEXT, Text, Values, trimmed
from relay.rendering.texts import line

Functions = dict[str, Any]
BLOCK = re.compile(r"\{% (?:block \w+|endblock) %\}\n?")


class Wording:
    """What a renderer makes messages with that no file of the user's has a part in. Safe for several threads."""

    def __init__(self, library: TemplateSet) -> None:
        self._library = library
        self._messages: dict[str, MessageTemplate] = {}
        self._layouts: dict[str, Callable[[Values, int], str]] = {}
        self._functions: dict[tuple[Escaping, str], tuple[Functions, Mapping[str, Collection[str]]]] = {}

    def render(
        self,
        channel: str,
        name: str,
        kind: str,
        destination: str,
        values: dict[str, Any],
        *,
        change: Callable[[Content], Content] = lambda content: content,
    ) -> Content:
        """The content of one message; `change` is applied to it before it is set in its layouts. Raises whatever
        happens where it cannot be made."""
        format_ = format_of(channel)
        file = self._library.message_file(channel, name, kind, destination)
        content = format_.unlinked(self.message(file, channel).render(values), self._library.hosts)
        for field in format_.required:
            _ = content[field]

        def fill_layout(ending: Ending, fields: Values, limit: int) -> str:
            layout = self._library.layout_file(channel, name, ending, destination)
            return self.layout(layout, channel, ending)(values | dict(fields), limit)

        return format_.finish(change(content), fill_layout)

    def message(self, name: str, channel: str) -> MessageTemplate:
        """A message's file, such as `slack/operation.failed.yaml`."""
        message = self._messages.get(name)
        if message is None:
            escaping = format_of(channel).escaping
            texts, addresses = self._texts(escaping, channel), self._texts("text", channel)
            source, file = self._library.source(name)
            message = self._messages[name] = MessageTemplate(file, source, texts, addresses)
        return message

    def layout(self, name: str, channel: str, ending: Ending) -> Callable[[Values, int], str]:
        """A layout's file; the styles of one in HTML are in its elements."""
        layout = self._layouts.get(name)
        if layout is None:
            texts = self._texts("html" if ending == "html" else "text", channel)
            source, _ = self._library.source(name)
            layout = self._layouts[name] = texts.layout(source, ending)
        return layout

    def complete_shared(self) -> None:
        """Compile what all messages share: the most of it by far."""
        for channel in self._library.channels:
            with contextlib.suppress(NotDirect):
                self._texts(format_of(channel).escaping, channel)
                self._texts("text", channel)
                for ending in get_args(Ending):
                    name = self._library.layout_file(channel, "layout", ending)
                    if self._library.source(name)[0]:
                        self.layout(name, channel, ending)

    def _texts(self, escaping: Escaping, channel: str) -> "DirectTexts":
        environment = self._library.environments[escaping]
        if (escaping, channel) not in self._functions:
            functions: Functions = namespace(escaping, environment.hosts)
            modules: dict[str, Collection[str]] = {}
            for module, name, tidy in (("say", SENTENCES, line), ("parts", f"{channel}/{PARTS}", lines)):
                source, _ = self._library.source(name)
                own = _macros(environment, source, functions, modules)
                modules[module] = [macro.removeprefix("m_") for macro in own if macro.startswith("m_")]
                functions |= {f"{module}_{macro}": _tidied(own[f"m_{macro}"], tidy) for macro in modules[module]}
            self._functions[escaping, channel] = functions, modules
        return DirectTexts(environment, *self._functions[escaping, channel])


class DirectTexts:
    """Compiles what stands in a message's file (relay.rendering.message_template), and layouts."""

    def __init__(self, environment: Sandbox, functions: Functions, modules: Mapping[str, Collection[str]]) -> None:
        self.hosts = environment.hosts
        self._unquoted = environment.unquoted
        self._environment = environment
        self._functions = functions
        self._modules = modules

    def text(self, source: str, file: Path, line: int) -> Text:  # noqa: ARG002 - Jinja tells where something is wrong
        made = self._made(Writer((), self._modules).text("text", self._environment.tree(source).body))
        unquoted = self._unquoted

        def text(values: Values) -> str:
            text = made(values)
            if len(text) <= MAX_TEXT and "\n" not in text:  # most are of one line
                return unquoted(text.strip())
            return unquoted(_within(text, MAX_TEXT))

        return text

    def items(self, source: str) -> Callable[[Values], Any]:
        output = self._environment.tree(f"{{{{ {source} }}}}").body[0]
        if not isinstance(output, nodes.Output):
            raise NotDirect(source)
        return self._made(Writer((), self._modules).value("text", output.nodes[0]))

    def layout(self, source: str, ending: Ending) -> Callable[[Values, int], str]:
        functions = dict(self._functions)
        exec(_code(self._environment, source, lambda: self._layout(source, ending)), functions)  # noqa: S102 - as below
        made: Callable[[Values], str] = functions["text"]
        return lambda values, limit: _within(made(values), limit)

    def _layout(self, source: str, ending: Ending) -> str:
        parts: list[dict[str, str]] = []
        source = BLOCK.sub("", source)  # blocks are for those who change one of them
        if ending == "html":
            source, parts = inlined(source, inline)
        body = self._environment.tree(source).body
        macros = [node for node in body if isinstance(node, nodes.Macro)]
        writer = Writer([macro.name for macro in macros], self._modules)
        styled = f"PARTS = {parts!r}\ndef g_styled(number, tone):\n    return markup(PARTS[number][tone])\n"
        return "\n".join([styled, *map(writer.macro, macros), writer.text("text", body)])

    def _made(self, source: str) -> Callable[[Values], Any]:
        functions = dict(self._functions)
        exec(compile(source, "<direct>", "exec"), functions)  # noqa: S102 - written here, from files that come with relay
        made: Callable[[Values], Any] = functions["text"]
        return made


def _within(text: str, limit: int) -> str:
    if len(text) > limit:
        raise ValueError(f"the text grows beyond {limit} characters")
    return trimmed(text)


def _macros(
    environment: Sandbox, source: str, functions: Functions, modules: Mapping[str, Collection[str]]
) -> Functions:
    """The macros of this file, which find these functions."""

    def write() -> str:
        macros = [node for node in environment.tree(source).body if isinstance(node, nodes.Macro)]
        data = serialized if environment.escaping == "html" else str
        writer = Writer([macro.name for macro in macros], modules, data=data)
        return "\n".join(map(writer.macro, macros))

    own = dict(functions)
    exec(_code(environment, source, write), own)  # noqa: S102 - as above
    return {name: own[name] for name in own.keys() - functions.keys()}


def _code(environment: Sandbox, source: str, write: Callable[[], str]) -> CodeType:
    """The code of a file that messages share, from `COMPILED` if it is known (relay.rendering.precompiled)."""
    key = bool(environment.autoescape), source, environment.escaping, "<direct>"
    if key not in COMPILED:
        COMPILED[key] = compile(write(), "<direct>", "exec")
    return COMPILED[key]


def _tidied(macro: Callable[..., str], tidy: Callable[[str], str]) -> Callable[..., str]:
    """As `TemplateSet.macros` gives them."""
    return lambda v, *arguments, **named: tidy(macro(v, *arguments, **named))
