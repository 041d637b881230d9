"""YAML with memory: every value knows its line, and where it came from. Knows nothing of relay's keys.

Scalars are read as text, and the settings' types decide what it means: nothing is guessed (`no` and `12:30` stay what
they are), and a value that came from `${VAR}` is judged like one that was typed.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from relay.errors import ConfigError, Problem

KeyPath = tuple[str | int, ...]  # from the top: ("rules", 0, "notify")

MAX_DEPTH = 24
MAX_VALUES = 100_000  # aliases repeat what they name, so a small file can mean a huge one
PLAIN_TAGS = {
    f"tag:yaml.org,2002:{name}"
    for name in ("str", "int", "float", "bool", "null", "timestamp", "merge", "value", "map", "seq")
}
# How placeholders begin, by a key on their path.
PLACEHOLDERS = (
    {"app_token": "xapp-", "secrets": "relay:", "redis": "redis://placeholder.invalid/"}
    | dict.fromkeys(("webhooks", "heartbeat", "proxy", "issuer", "url", "public_url"), "https://placeholder.invalid/")
    | {"urls": "json://placeholder.invalid/"}
)
# And whole, by the last key.
ADDRESSES = {"slack": "#{}", "email": "{}@placeholder.invalid", "from": "{}@placeholder.invalid"}
_NO_TEXT = re.compile("[\0\ud800-\udfff]")
_NULL = "tag:yaml.org,2002:null"
_FOREIGN_VARIABLE = re.compile(r"\$([A-Z][A-Z0-9_]{2,})|\{\{\s*(?:\w+\.)?(\w+)\s*\}\}")  # of shells, of other templates
_COMMENT_WITHIN = re.compile(r"[{,][^#]*:\s+#\w")
_VARIABLE = re.compile(r"\$\$\{|\$\{(?:([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\})?")


@dataclass
class Document:
    """The values of a file, and everything that is wrong in it so far."""

    file: str
    data: dict[str, Any] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    lines: dict[KeyPath, int] = field(default_factory=dict)
    variables: set[str] = field(default_factory=set)  # the names in its ${…}
    placeholders: set[str] = field(default_factory=set)  # the paths, spelled, of values that are not set here
    literal: list[KeyPath] = field(default_factory=list)  # the paths of texts that name no variable and no file
    _origins: dict[KeyPath, str] = field(default_factory=dict)  # values set by the environment → the variable
    _reported_paths: set[KeyPath] = field(default_factory=set)
    aliases: dict[KeyPath, KeyPath] = field(default_factory=dict)  # place of an alias → what it repeats

    def report(self, path: KeyPath, message: str) -> None:
        """Add a problem; of several about one path, or an alias of it, only the first: the others follow from it."""
        path = self._original(path)
        if path not in self._reported_paths:
            self._reported_paths.add(path)
            self._add(self.problems, path, message)

    def warn(self, path: KeyPath, message: str) -> None:
        self._add(self.warnings, self._original(path), message)

    def suppress(self, path: KeyPath) -> None:
        """Report nothing about this value: it cannot be judged, and what is wrong is reported elsewhere."""
        self._reported_paths.add(path)

    def override(self, path: KeyPath, value: str, origin: str) -> None:
        """Set a value that another source than the file decides, for instance an environment variable."""
        *sections, key = path
        section = self.data
        for name in sections:
            section = section.setdefault(str(name), {})
            if not isinstance(section, dict):
                return  # the file is wrong here, which will be reported
        section[str(key)] = value
        self._origins[path] = origin

    def section(self, name: str) -> dict[str, Any]:
        """Return the mapping under a key at the top; empty where it is missing, or reported as something else."""
        if not isinstance(section := self.data.get(name, {}), dict):
            self.report((name,), "expected keys and values")
        return section if isinstance(section, dict) else {}

    def _add(self, problems: list[Problem], path: KeyPath, message: str) -> None:
        nearest = next((path[:end] for end in range(len(path), 0, -1) if path[:end] in self.lines), ())
        problem = Problem(spell(path), message, self.lines.get(nearest))
        problem = Problem(self._origins[path], message) if path in self._origins else problem
        if problem not in problems:
            problems.append(problem)

    def _original(self, path: KeyPath) -> KeyPath:
        """Return the path at which a value is defined that an alias repeats here."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.aliases:
                return self.aliases[path[:length]] + path[length:]
        return path


def spell(path: KeyPath) -> str:
    """Return the path as people write it: `rules[0].notify[1]`."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")


def read(
    text: str,
    *,
    file: str,
    env: Mapping[str, str],
    needed: Collection[str] | None = None,
    left_out: Collection[str] = (),
) -> Document:
    """Return the document in `text`, with `${VAR}` and `file:` resolved; raises ConfigError if it is no YAML mapping.

    `needed`: the keys at the top whose variables and files must be there; elsewhere missing ones get a placeholder.
    `left_out`: the paths, spelled, of values to ignore.
    """
    document = Document(file)
    try:
        root = YAML(typ="safe", pure=True).compose(text)
    except YAMLError as error:
        raise ConfigError([_unreadable(error, text)], file) from None
    except (ValueError, OverflowError, RecursionError):  # what the parser lets escape for hostile escapes and depths
        raise ConfigError([Problem("", "not YAML: an escape or the nesting cannot be read")], file) from None
    if not isinstance(root, MappingNode):
        raise ConfigError([Problem("", "expected keys and values; the file is empty or something else")], file)
    document.data = _Reader(document, env, needed, left_out).value(root, ())
    return document


@dataclass
class _Reader:
    """Walks the YAML nodes once, from top to bottom."""

    _document: Document
    _env: Mapping[str, str]
    _needed: Collection[str] | None
    _left_out: Collection[str]
    _values: int = 0
    _paths: dict[int, KeyPath] = field(default_factory=dict)  # by the nodes' identity: the tree outlives this reader

    def value(self, node: Node, path: KeyPath) -> Any:
        self._values += 1
        if len(path) > MAX_DEPTH or self._values > MAX_VALUES:
            raise ConfigError([Problem(spell(path), "too deep or too large; is an alias inside itself?",
                                       node.start_mark.line + 1)], self._document.file)  # fmt: skip
        if node.tag not in PLAIN_TAGS:
            self._document.report(path, "YAML tags (!…) have no meaning here")
            return None
        if (first := self._paths.setdefault(id(node), path)) != path:
            self._document.aliases[path] = first
        if isinstance(node, MappingNode):
            return dict(self._pairs(node, path))
        if isinstance(node, SequenceNode):
            numbered = enumerate(node.value)
            items = [item for index, item in numbered if spell((*path, index)) not in self._left_out]
            for index, item in enumerate(items):
                self._document.lines[*path, index] = item.start_mark.line + 1
            return [self.value(item, (*path, index)) for index, item in enumerate(items)]
        return None if node.tag == _NULL else self._text(node.value, path)

    def _optional(self, path: KeyPath) -> bool:
        return self._needed is not None and path[0] not in self._needed

    def _pairs(self, node: MappingNode, path: KeyPath) -> Iterator[tuple[str, Any]]:
        keys: set[str] = set()
        for name, child in node.value:
            child_path = (*path, name.value if isinstance(name, ScalarNode) else "?")
            first = self._document.lines.get(child_path)
            self._document.lines[child_path] = name.start_mark.line + 1
            if child_path[-1] in keys:
                self._document.report(child_path, f"written twice, first on line {first}")
                continue
            if not isinstance(name, ScalarNode) or _NO_TEXT.search(name.value):
                hint = '; for a variable write "${NAME}"' if isinstance(name, MappingNode) else ""
                self._document.report((*path, "?"), f"expected a word as key{hint}")
                continue
            keys.add(name.value)
            if spell(child_path) not in self._left_out:
                yield name.value, self.value(child, child_path)

    def _text(self, raw: str, path: KeyPath) -> str:
        """Replace variables and, where the text names a file, return that file's text instead."""
        if foreign := _FOREIGN_VARIABLE.fullmatch(raw):
            name = foreign[1] or foreign[2]
            self._document.report(path, f"expected ${{{name}}}, as variables are written here")
        if raw and "${" not in raw and not raw.startswith("file:"):
            self._document.literal.append(path)
        text = _VARIABLE.sub(lambda match: self._variable(match, path), raw)
        if text.startswith("file:"):
            text = self._file(text.removeprefix("file:"), path)
        if _NO_TEXT.search(text):
            self._document.report(path, "holds characters that are no text")
            return ""
        return text

    def _variable(self, match: re.Match[str], path: KeyPath) -> str:
        name, default = match.groups()
        if match[0] == "$${":
            return "${"
        if name is None:
            self._document.report(path, "expected ${NAME} or ${NAME:-default}; write $${ for a plain ${")
            return match[0]
        self._document.variables.add(name)
        if value := self._env.get(name):
            return value
        if default is None and self._optional(path):
            return self._placeholder(name, path)
        if default is None and name not in self._env:
            self._document.report(path, f"the environment variable {name} is not set")
        return default or ""

    def _file(self, name: str, path: KeyPath) -> str:
        """Return the text of a file, without its last line's end: secrets are mounted as files."""
        try:
            return re.sub(r"\r?\n\Z", "", Path(name).read_bytes().decode())
        except OSError as error:
            if self._optional(path):
                return self._placeholder(name, path)
            self._document.report(path, f"cannot read {name}: {error.strerror}")
        except ValueError:
            self._document.report(path, f"cannot read {name!r}: it is not UTF-8 text, or no file's name")
        return ""

    def _placeholder(self, name: str, path: KeyPath) -> str:
        """Return a text that is as long and as random as a secret, in the form that the key expects."""
        self._document.placeholders.add(spell(path))
        if path[-1] == "base_url" or "links" in path:  # which may be empty, and would be seen in previews
            return ""
        digest, last = sha256(name.encode()).hexdigest(), [step for step in path if isinstance(step, str)][-1]
        if last in ADDRESSES:
            return ADDRESSES[last].format(digest[:16])
        return next((text for key, text in PLACEHOLDERS.items() if key in path), "") + digest


def _unreadable(error: YAMLError, text: str) -> Problem:
    """Say where the text stops being YAML, and why."""
    if isinstance(error, ReaderError):
        letter = f"U+{ord(text[error.position]):04X}"
        return Problem("", f"not YAML: the character {letter} is not allowed", text.count("\n", 0, error.position) + 1)
    if not isinstance(error, MarkedYAMLError) or error.problem_mark is None:
        return Problem("", "not YAML")
    number = error.problem_mark.line
    reasons = [error.context, error.problem]
    if any(_COMMENT_WITHIN.search(line) for line in text.splitlines()[max(number - 1, 0) : number + 1]):
        reasons.append('put what begins with # in quotes, such as "#team": else it is a comment')
    if "${" in "".join(text.splitlines()[number : number + 1]):
        reasons.append("put ${…} in quotes where it stands inside { } or [ ]")
    return Problem("", f"not YAML: {'; '.join(reason for reason in reasons if reason)}", number + 1)
