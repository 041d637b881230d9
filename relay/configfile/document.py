"""YAML with memory: every value knows its line, and where it came from. Knows nothing of relay's keys.

Scalars are read as the text that stands there, and the settings' types decide what it means. So nothing is guessed
(`no` and `12:30` stay what they are), and a value that came from `${VAR}` is judged like one that was typed.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from relay.errors import ConfigError, Problem

Place = tuple[str | int, ...]

MAX_DEPTH = 24
MAX_VALUES = 100_000  # aliases repeat what they name, so a small file can mean a huge one
PLAIN_TAGS = {
    f"tag:yaml.org,2002:{name}"
    for name in ("str", "int", "float", "bool", "null", "timestamp", "merge", "value", "map", "seq")
}
_NO_TEXT = re.compile("[\0\ud800-\udfff]")
_NULL = "tag:yaml.org,2002:null"
_VARIABLE = re.compile(r"\$\$\{|\$\{(?:([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\})?")


@dataclass
class Document:
    """What a file says, with everything found wrong in it so far."""

    file: str
    data: dict[str, Any] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    lines: dict[Place, int] = field(default_factory=dict)
    variables: set[str] = field(default_factory=set)  # the names in its ${…}
    _origins: dict[Place, str] = field(default_factory=dict)  # places set by the environment → the variable
    _broken: set[Place] = field(default_factory=set)
    twins: dict[Place, Place] = field(default_factory=dict)  # what an alias repeats → where it stands
    made_of: dict[Place, tuple[str, ...]] = field(default_factory=dict)  # values with ${…} → the variables in them
    _told: dict[tuple[tuple[str, ...], str], Problem] = field(default_factory=dict)

    def report(self, place: Place, message: str) -> None:
        """Add a problem; of several about one place, the first is kept: the others follow from it.

        One mistake is told once, wherever it shows: by an alias, or in a variable that several places use.
        """
        place = self._original(place)
        if place not in self._broken:
            self._broken.add(place)
            self._tell(self.problems, place, message)

    def warn(self, place: Place, message: str) -> None:
        self._tell(self.warnings, self._original(place), message)

    def spoil(self, place: Place) -> None:
        """What stands here cannot be judged, and is reported elsewhere."""
        self._broken.add(place)

    def override(self, place: Place, value: str, origin: str) -> None:
        """Set a value that another source than the file decides, for instance an environment variable."""
        *sections, key = place
        section = self.data
        for name in sections:
            section = section.setdefault(str(name), {})
            if not isinstance(section, dict):
                return  # the file is wrong here, which will be reported
        section[str(key)] = value
        self._origins[place] = origin

    def section(self, name: str) -> dict[str, Any]:
        """The mapping under a key at the top; empty where it is missing, or reported as something else."""
        found = self.data.get(name, {})
        if isinstance(found, dict):
            return found
        self.report((name,), "expected keys and values")
        return {}

    def _tell(self, problems: list[Problem], place: Place, message: str) -> None:
        """Add what is wrong here; what is wrong with the same variables in the same way, to what is told of them."""
        problem, names = self._problem(place, message), self.made_of.get(place)
        first = self._told.setdefault((names or (spell(place),), message), problem)
        if first is problem:
            problems.append(problem)
        elif names:
            first.message += f"{',' if first.message != message else '; used again on line'} {problem.line}"

    def _original(self, place: Place) -> Place:
        """Where a value really stands that is here by an alias."""
        for length in range(len(place), 0, -1):
            if place[:length] in self.twins:
                return self.twins[place[:length]] + place[length:]
        return place

    def _problem(self, place: Place, message: str) -> Problem:
        if place in self._origins:
            return Problem(self._origins[place], message)
        known = next((place[:end] for end in range(len(place), 0, -1) if place[:end] in self.lines), ())
        return Problem(spell(place), message, self.lines.get(known))


def spell(place: Place) -> str:
    """A place as people write it: `rules[0].notify[1]`."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place).removeprefix(".")


def read(text: str, *, file: str, env: Mapping[str, str]) -> Document:
    """The document in `text`, with `${VAR}` and `file:` resolved; raises ConfigError if it is no YAML mapping."""
    document = Document(file)
    try:
        root = YAML(typ="safe", pure=True).compose(text)
    except YAMLError as error:
        raise ConfigError([_unreadable(error, text)], file) from None
    except (ValueError, OverflowError, RecursionError):  # what the parser lets escape for hostile escapes and depths
        raise ConfigError([Problem("", "not YAML: an escape or the nesting cannot be read")], file) from None
    if not isinstance(root, MappingNode):
        raise ConfigError([Problem("", "expected keys and values; the file is empty or something else")], file)
    reader = _Reader(document, env)
    document.data = reader.value(root, ())
    reader.finish()
    return document


class _Reader:
    """Walks the YAML nodes once, from top to bottom."""

    def __init__(self, document: Document, env: Mapping[str, str]) -> None:
        self._document = document
        self._env = env
        self._unset: dict[str, list[Place]] = {}
        self._values = 0
        self._places: dict[int, Place] = {}  # of the nodes, by their identity: the tree lives as long as we do

    def value(self, node: Node, place: Place) -> Any:
        self._values += 1
        if len(place) > MAX_DEPTH or self._values > MAX_VALUES:
            raise ConfigError([Problem(spell(place), "too deep or too large; is an alias inside itself?",
                                       node.start_mark.line + 1)], self._document.file)  # fmt: skip
        if node.tag not in PLAIN_TAGS:
            self._document.report(place, "YAML tags (!…) have no meaning here")
            return None
        if (first := self._places.setdefault(id(node), place)) != place:
            self._document.twins[place] = first
        if isinstance(node, MappingNode):
            return dict(self._pairs(node, place))
        if isinstance(node, SequenceNode):
            for index, item in enumerate(node.value):
                self._document.lines[*place, index] = item.start_mark.line + 1
            return [self.value(item, (*place, index)) for index, item in enumerate(node.value)]
        return None if node.tag == _NULL else self._text(node.value, place)

    def finish(self) -> None:
        """Report each variable that is not set once, however often it is used."""
        for name, (first, *others) in self._unset.items():
            lines = dict.fromkeys(str(self._document.lines[place]) for place in others)
            more = f" (used again on line {', '.join(lines)})" if others else ""
            self._document.report(first, f"the environment variable {name} is not set{more}")
            for place in others:
                self._document.spoil(place)

    def _pairs(self, node: MappingNode, place: Place) -> Iterator[tuple[str, Any]]:
        seen: set[str] = set()
        for name, child in node.value:
            here = (*place, name.value if isinstance(name, ScalarNode) else "?")
            first = self._document.lines.get(here)
            self._document.lines[here] = name.start_mark.line + 1
            if here[-1] in seen:
                self._document.report(here, f"written twice, first on line {first}")
                continue
            if not isinstance(name, ScalarNode) or _NO_TEXT.search(name.value):
                self._document.report((*place, "?"), "expected a word as key")
                continue
            seen.add(name.value)
            yield name.value, self.value(child, here)

    def _text(self, written: str, place: Place) -> str:
        """The text with its variables replaced and, where it names a file, that file's text instead."""
        text = _VARIABLE.sub(lambda found: self._variable(found, place), written)
        if names := tuple(found[1] for found in _VARIABLE.finditer(written) if found[1]):
            self._document.made_of[place] = names
        if text.startswith("file:"):
            text = self._file(text.removeprefix("file:"), place)
        if _NO_TEXT.search(text):
            self._document.report(place, "holds characters that are no text")
            return ""
        return text

    def _variable(self, found: re.Match[str], place: Place) -> str:
        name, default = found.groups()
        if found[0] == "$${":
            return "${"
        if name is None:
            self._document.report(place, "expected ${NAME} or ${NAME:-default}; write $${ for a plain ${")
            return found[0]
        self._document.variables.add(name)
        if self._env.get(name) or (default is None and name in self._env):
            return self._env[name]
        if default is None:
            self._unset.setdefault(name, []).append(place)
        return default or ""

    def _file(self, name: str, place: Place) -> str:
        """The text of a file, without its last line's end: secrets are mounted as files."""
        try:
            return re.sub(r"\r?\n\Z", "", Path(name).read_bytes().decode())
        except OSError as error:
            self._document.report(place, f"cannot read {name}: {error.strerror}")
        except ValueError:
            self._document.report(place, f"cannot read {name!r}: it is not UTF-8 text, or no file's name")
        return ""


def _unreadable(error: YAMLError, text: str) -> Problem:
    """Where the text stops being YAML, and why."""
    if isinstance(error, ReaderError):
        letter = f"U+{ord(text[error.position]):04X}"
        return Problem("", f"not YAML: the character {letter} is not allowed", text.count("\n", 0, error.position) + 1)
    if not isinstance(error, MarkedYAMLError) or error.problem_mark is None:
        return Problem("", "not YAML")
    number = error.problem_mark.line
    reasons = [error.context, error.problem]
    if "${" in "".join(text.splitlines()[number : number + 1]):
        reasons.append("put ${…} in quotes where it stands inside { } or [ ]")
    return Problem("", f"not YAML: {'; '.join(reason for reason in reasons if reason)}", number + 1)
