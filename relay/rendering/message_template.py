"""Message templates: YAML whose texts are Jinja templates. Data can end up in a text, never in the structure.

The notation, all of it:
- A text is a template. `url:` is one too, and holds a safe http(s) address or nothing.
- An object with a field that turns out empty is left out. A field named `fields?` is left out alone instead.
- In a list, `each: file in artifacts` repeats its object for every file.
- Anchors and aliases are refused: a few lines of them stand for a message of any size.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, cast

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from relay.domain.links import ANYWHERE
from relay.errors import TemplateError
from relay.rendering.context import Context
from relay.rendering.environments import TemplateEnvironment
from relay.rendering.fillings import Filled, Filling, filled
from relay.rendering.formats.plain import PlainFormat
from relay.rendering.texts import host_of, safe_url

MAX_REPEATS = 100
OBJECT = 50  # characters that each repeated object counts as
EMPTY: Final = object()

Part = Callable[[Context, Filled, Filled], Any]
"""A part of an object, made of what its texts and its addresses were filled with."""

_EACH = re.compile(r"\s*([a-z_]\w*)\s+in\s+(.+)", re.DOTALL)
_URL_KEYS = ("url", "image_url", "more_url")
# The author says where this address leads, as if it were written whole: what is filled in comes behind the host.
_LEADS = re.compile(r"https?://[A-Za-z0-9][A-Za-z0-9.-]*(:\d{1,5})?[/?#]")
_LABELS = ("label", "title", "text")  # what may be shown for the address beside it
_SCALARS: dict[str | None, Callable[[str], Any]] = {
    "tag:yaml.org,2002:bool": lambda text: text.lower() == "true",
    "tag:yaml.org,2002:int": lambda text: int(text, 0),
    "tag:yaml.org,2002:float": float,
    "tag:yaml.org,2002:null": lambda _: None,
}


@dataclass(frozen=True, slots=True)
class Source:
    """A Jinja source `line` lines down in its file, and the names that its place adds: those of `each: NAME in`."""

    file: Path
    line: int
    text: str
    names: frozenset[str] = frozenset()


@lru_cache(256)
def _composed(source: str) -> Node | None:
    """Return the nodes of a file. They are only read, and most files stay the same from reload to reload."""
    root: Node | None = YAML(typ="safe", pure=True).compose(source)
    return root


class MessageTemplate:
    """Template of one message. `sources` are its Jinja sources, for those who look for names in them."""

    def __init__(
        self, file: Path, source: str, texts: TemplateEnvironment, addresses: TemplateEnvironment, format_: PlainFormat
    ) -> None:
        """Read the file. `texts` is for what people read, `addresses` for `url:`. TemplateError names file and line."""
        self.file = file
        self.format = format_
        self.sources: list[Source] = []
        self._names: frozenset[str] = frozenset()
        self._node_ids: set[int] = set()
        self._compiled = False
        self._environments = texts, addresses
        self._fillings: list[Filling] = []
        try:
            root = _composed(source)
        except MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            raise TemplateError(f"{file}:{line}: {error.problem}") from None
        except RecursionError:
            raise TemplateError(f"{file}:1: nested too deep") from None
        if not isinstance(root, MappingNode):
            raise TemplateError(f"{file}:1: expected the fields of a message, for instance `text:`")
        self._root_fillings = self._new_fillings()
        self._root = self._object(root)

    def compile(self) -> None:
        """Compile its texts now, not when they are first needed."""
        for filling in self._fillings:
            filling.compile()
        self._compiled = True

    @property
    def fields(self) -> tuple[str, ...]:
        """Fields of the message, as far as they are written here."""
        return tuple(key for key, _, _ in self._root)

    def render(self, values: Context) -> dict[str, Any]:
        """Return the message. TemplateError if a field that it needs turns out empty."""
        if not self._compiled:
            self.compile()
        rendered: dict[str, Any] = {}
        texts, addresses = filled(self._root_fillings, values)
        for key, optional, part in self._root:
            value = part(values, texts, addresses)
            if value is not EMPTY:
                rendered[key] = value
            elif not optional:
                raise TemplateError(f"{self.file}: {key} is empty; write `{key}?:` where it may be")
        return rendered

    def _new_fillings(self) -> tuple[Filling, Filling]:
        """Collect from now on what the object that follows is filled with: its texts, and its addresses."""
        for_texts, for_addresses = self._environments
        self._texts = self._addresses = Filling(for_texts, self.file)
        self._fillings.append(self._texts)
        if for_addresses is not for_texts:
            self._addresses = Filling(for_addresses, self.file)
            self._fillings.append(self._addresses)
        return self._texts, self._addresses

    def _compile(self, node: Node, key: str) -> Part:
        if id(node) in self._node_ids:
            raise self._fault(node, "anchors and aliases (& and *) are not supported: write it out")
        self._node_ids.add(id(node))
        if isinstance(node, MappingNode):
            return self._mapping(node)
        if isinstance(node, SequenceNode):
            return self._list(node)
        if convert := _SCALARS.get(node.tag):
            try:
                value = convert(node.value)
            except ValueError:
                raise self._fault(node, f"expected a number, found {node.value}; quote it if it is a text") from None
            return lambda *_: value
        return self._text(cast("ScalarNode", node), key)

    def _object(self, node: MappingNode) -> list[tuple[str, bool, Part]]:
        fields: list[tuple[str, bool, Part]] = []
        for key_node, value_node in node.value:
            key, optional = str(key_node.value).removesuffix("?"), str(key_node.value).endswith("?")
            if key_node.tag == "tag:yaml.org,2002:merge" or key in {name for name, _, _ in fields}:
                raise self._fault(key_node, f"{key} stands here twice" if key != "<<" else "`<<` is not supported")
            fields.append((key, optional, self._compile(value_node, key)))
        return fields

    def _mapping(self, node: MappingNode) -> Part:
        fields, shown = self._object(node), self._addresses.environment.hosts.shown

        def render(values: Context, texts: Filled, addresses: Filled) -> Any:
            rendered: dict[str, Any] = {}
            for key, optional, part in fields:
                value = part(values, texts, addresses)
                if value is not EMPTY:
                    rendered[key] = value
                elif not optional:
                    return EMPTY
            return _with_host(rendered) if shown and "url" in rendered else rendered

        return render

    def _list(self, node: SequenceNode) -> Part:
        items = [self._repeated(item) or self._once(item) for item in node.value]

        def render(*arguments: Any) -> Any:
            return [value for item in items for value in item(*arguments) if value is not EMPTY] or EMPTY

        return render

    def _once(self, node: Node) -> Part:
        part = self._compile(node, "")
        return lambda *arguments: (part(*arguments),)

    def _repeated(self, node: Node) -> Part | None:
        """Compile an object with `each:`, which gives any number of values; None for any other node."""
        if not isinstance(node, MappingNode):
            return None
        loop = next((value for key, value in node.value if key.value == "each"), None)
        if loop is None:
            return None
        if not isinstance(loop, ScalarNode) or not (match := _EACH.fullmatch(loop.value)):
            raise self._fault(loop, "expected `each: NAME in LIST`, for instance `each: file in artifacts`")
        name, source = match.groups()
        before, listed = (self._texts, self._addresses), self._texts.add_list(source, loop.start_mark.line)
        self.sources.append(Source(self.file, loop.start_mark.line, f"{{{{ {source} }}}}", self._names))
        rest = MappingNode(node.tag, [pair for pair in node.value if pair[0].value != "each"], node.start_mark)
        outer, self._names = self._names, self._names | {name}
        fillings = self._new_fillings()
        part = self._mapping(rest)
        self._names, (self._texts, self._addresses) = outer, before

        def render(values: Context, around: Filled, _addresses: Filled) -> Any:
            try:
                repeated = list(around[1][listed] or ())[:MAX_REPEATS]  # an unknown name raises here
                values.spend(OBJECT * len(repeated))
            except Exception as error:
                raise self._fault(loop, str(error)) from error
            outer = dict.get(values, name, EMPTY)
            rows = []
            for item in repeated:
                values[name] = item
                rows.append(part(values, *filled(fillings, values)))
            if outer is EMPTY:
                values.pop(name, None)
            else:
                values[name] = outer
            return rows

        return render

    def _text(self, node: ScalarNode, key: str) -> Part:
        source, address = str(node.value), key in _URL_KEYS
        if not any(mark in source for mark in ("{{", "{%", "{#")):
            return lambda *_: source
        line = node.start_mark.line + (node.style in ("|", ">"))
        self.sources.append(Source(self.file, line, source, self._names))
        if not address:
            number = self._texts.add_text(source, line)
            return lambda _values, texts, _addresses: texts[0][number] or EMPTY
        number = self._addresses.add_text(source, line)
        hosts = ANYWHERE if _LEADS.match(source) else self._addresses.environment.hosts
        return lambda _values, _texts, addresses: safe_url(addresses[0][number], hosts) or EMPTY

    def _fault(self, node: Node, message: str) -> TemplateError:
        return TemplateError(f"{self.file}:{node.start_mark.line + 1}: {message}")


def _with_host(rendered: dict[str, Any]) -> dict[str, Any]:
    """Write the host that an address leads to behind the words that lead there."""
    host = host_of(rendered["url"])
    key = next((key for key in _LABELS if key in rendered), "")
    match rendered.get(key):
        case str() as words:
            return rendered | {key: f"{words} ({host})"}
        case {"text": str() as words, **rest}:  # Slack's, of a button
            return rendered | {key: rest | {"text": f"{words} ({host})"}}
    return rendered
