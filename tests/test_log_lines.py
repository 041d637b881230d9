"""Every line that relay can write is explained in docs/logs.md, with its level: held against the code."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator

from relay.domain.events import OPERATOR_EVENTS
from tests.support.commands import ROOT

LEVELS = {name: (name,) for name in ("debug", "info", "warning", "error")} | {"log": ("info", "warning", "error")}
LOGGER = re.compile(r"(^|\.|_)(log|lines|get_logger\(\))$")
EVENT = re.compile(r"audit|[a-z_]+\.[a-z_]+")
ROW = re.compile(r"^\| `([\w.]+)` \| ([a-z, ]+) \|", re.M)
NAMED_ELSEWHERE = {"notice.name": tuple(OPERATOR_EVENTS)}


def names(node: ast.expr, function: ast.AST) -> Iterator[str]:
    """Return what an expression may be, where it is words of the code: its own, or those of the variable that it is."""
    if (text := ast.unparse(node)) in NAMED_ELSEWHERE:
        yield from NAMED_ELSEWHERE[text]
        return
    looked_at: list[ast.AST] = [node]
    if isinstance(node, ast.Name):
        assignments = [inner for inner in ast.walk(function) if isinstance(inner, ast.Assign)]
        looked_at = [it.value for it in assignments if text in map(ast.unparse, it.targets)]
    for part in looked_at:
        for constant in ast.walk(part):
            if isinstance(constant, ast.Constant) and EVENT.fullmatch(str(constant.value)):
                yield str(constant.value)


def calls(source: str) -> Iterator[tuple[ast.Call, ast.AST]]:
    """Each call of a logger, with the function in which it is."""
    functions = [
        node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    for function in functions:
        for node in ast.walk(function):
            calls_method = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
            if calls_method and node.func.attr in LEVELS and LOGGER.search(ast.unparse(node.func.value)):
                yield node, function


def written() -> dict[str, set[str]]:
    lines = defaultdict[str, set[str]](set)
    for file in sorted((*(ROOT / "relay").rglob("*.py"), *(ROOT / "relay_sandbox").rglob("*.py"))):
        for call, function in calls(file.read_text("utf-8")):
            assert isinstance(call.func, ast.Attribute)
            # `log.log` has the level before the event, and lines that are rationed the logger.
            first = call.func.attr == "log" or ast.unparse(call.args[0]) in ("log", "logger")
            events = {*names(call.args[1 if first else 0], function)}
            assert events, f"{file}:{call.lineno} writes a line whose name this test cannot read"
            for event in events:
                lines[event].update(LEVELS[call.func.attr])
    return dict(lines)


def test_the_page_explains_every_line_with_its_level() -> None:
    rows = ROW.findall((ROOT / "docs/logs.md").read_text("utf-8"))

    assert {event: {*levels.split(", ")} for event, levels in rows} == written()
    assert len(rows) == len({event for event, _ in rows})
