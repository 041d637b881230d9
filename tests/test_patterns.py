"""Regular expressions: no text from outside makes one of them cost more than in proportion to its length."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from time import process_time
from typing import Any, NamedTuple

import pytest

import relay

ROOT = Path(relay.__file__).parent
# The calls, each with the place of its flags.
CALLS = {"compile": 1, "search": 2, "match": 2, "fullmatch": 2, "findall": 2, "finditer": 2, "split": 3, "sub": 4}
# What only the configuration, files of templates or relay itself write. All else is held to the growth below.
OURS = (
    "channels.named: re.sub(re.escape(part)", "configfile.validation: re.compile(pattern", "formats.paths: re.sub",
    "policy.matching: re.compile", "receiving.schemes: re.compile(digits",
    "receiving.sns: re.fullmatch(re.escape(_home", "rendering.layouts: _RULE",
)  # fmt: skip
UNITS = ("\n", " ", "ERROR: ", "!", "(", "a", "1", " \n", "ERROR: \n", "!(", "( ", "a.", "'a", "a@", "!( \n")
LONGEST = 1 << 13  # characters: what takes less than `ENOUGH` for these is not quadratic
ENOUGH = 0.002  # seconds that can be compared
GROWTH = 2.5


class Used(NamedTuple):
    """A pattern, where it stands, and the method by which it is used. None: it is made at run time."""

    name: str
    pattern: Any
    method: str

    def cost(self, unit: str, length: int, times: int = 1) -> float:
        """Return the CPU seconds of one use."""
        text = unit * (length // len(unit))
        own = text.encode() if isinstance(self.pattern.pattern, bytes) else text
        spent = []
        for _ in range(times):
            began = process_time()
            if self.method in ("match", "fullmatch"):
                getattr(self.pattern, self.method)(own)
            else:
                for _found in self.pattern.finditer(own):
                    pass
            spent.append(process_time() - began)
        return min(spent)

    def growth(self, unit: str) -> float:
        """Return how many times as long twice the text takes; 0 where the longest takes no time to speak of."""
        length = 256
        while self.cost(unit, length) < ENOUGH:
            if length == LONGEST:
                return 0.0
            length *= 2
        return self.cost(unit, 2 * length, 5) / self.cost(unit, length, 5)


def modules() -> Iterator[tuple[str, ast.Module]]:
    for file in sorted(ROOT.rglob("*.py")):
        name = ".".join(("relay", *file.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__")
        yield name, ast.parse(file.read_text("utf-8"))


@cache
def methods() -> dict[str, set[str]]:
    """The methods that are called of each name anywhere: `NAME.match(…)`."""
    called: dict[str, set[str]] = {}
    for _, tree in modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr in CALLS:
                of = node.value.id if isinstance(node.value, ast.Name) else getattr(node.value, "attr", "")
                called.setdefault(of, set()).add(node.attr)
    return called


def found() -> Iterator[Used]:
    for module, tree in modules():
        for statement in tree.body:
            for node in ast.walk(statement):
                how = getattr(node.func, "attr", "") if isinstance(node, ast.Call) else ""
                if how in CALLS and ast.unparse(node.func) == f"re.{how}":
                    yield from used(module, statement, node, how)


def used(module: str, statement: ast.stmt, call: ast.Call, how: str) -> Iterator[Used]:
    """The pattern of a call; of a comprehension's those in the value of its statement."""
    name = getattr(statement.targets[0], "id", "") if isinstance(statement, ast.Assign) else ""
    label, space = f"{module.removeprefix('relay.')}: {name or ast.unparse(call)}", vars(import_module(module))
    flags = [word.value for word in call.keywords if word.arg == "flags"] or call.args[CALLS[how] :]
    try:
        own, flag = (eval(ast.unparse(node), dict(space)) for node in (call.args[0], *(flags or [ast.Constant(0)])))  # noqa: S307
        patterns: list[Any] = [re.compile(own, flag)]
    except NameError:
        patterns = [one for one in space.get(name, ()) if isinstance(one, re.Pattern)] or [None]
    known = methods().get(name, set()) - {"compile"} if how == "compile" else {how}
    for pattern in patterns:
        for method in known or {"finditer"}:
            yield Used(label, pattern, method)


PATTERNS = [*found()]


def test_all_patterns_are_found() -> None:
    calls = [*re.finditer(rf"\bre\.(?:{'|'.join(CALLS)})\(", "".join(map(Path.read_text, ROOT.rglob("*.py"))))]

    assert len({(each.name, getattr(each.pattern, "pattern", None)) for each in PATTERNS}) >= 0.9 * len(calls)
    assert not [own for own in OURS if not any(each.name.startswith(own) for each in PATTERNS)]


@pytest.mark.parametrize(
    "pattern",
    [pytest.param(each, id=f"{each.name[:60]} {each.method}") for each in PATTERNS if not each.name.startswith(OURS)],
)
def test_a_pattern_takes_no_more_than_in_proportion(pattern: Used) -> None:
    assert pattern.pattern is not None, "make it a constant of its module, or say in OURS who writes it"
    for unit in UNITS:
        assert any(pattern.growth(unit) <= GROWTH for _ in range(3)), f"for {unit!r}"
