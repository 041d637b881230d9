"""Every code that the engine writes down is in the vocabulary, and the vocabulary has no code that nobody writes."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from relay.reasons import Dead, Held, Lapsed, Reason, Superseded

ROOT = Path(__file__).parents[1] / "relay"
SOURCES = {
    str(file.relative_to(ROOT)): file.read_text("utf-8")
    for file in sorted(ROOT.rglob("*.py"))
    if file.name != "reasons.py"
}
ENGINE = "\n".join(text for name, text in SOURCES.items() if name.startswith("engine/"))

WRITTEN = {
    Held: (r'count\("held:(\w+)"\)', r'record_held\([^\n]*?, "(\w+)"'),
    Superseded: (r'supersede\([^\n]*, "([a-z_ ]+)"\)', r'^ +return (?:"" if [^\n]* else )?"([a-z]+ [a-z ]+)"'),
    Lapsed: (r'note\([^\n]*"lease lapsed"[^\n]* "([a-z ]+)" if', r'note\([^\n]*"lease lapsed"[^\n]* else "([a-z ]+)"'),
    Dead: (r'dead_letter\(d, [^\n]*?, "(\w+)"',),
}


def written(kind: type[Reason]) -> Iterator[str]:
    for pattern in WRITTEN[kind]:
        found = re.findall(pattern, ENGINE, re.MULTILINE)
        assert found, pattern
        yield from found


@pytest.mark.parametrize("kind", WRITTEN)
def test_the_engine_writes_no_code_that_has_no_sentence(kind: type[Reason]) -> None:
    assert {*written(kind)} <= {*kind}


@pytest.mark.parametrize("reason", [*Held, *Superseded, *Lapsed, *Dead], ids=lambda one: f"{type(one).__name__} {one}")
def test_every_code_is_written_somewhere(reason: Reason) -> None:
    by_name = rf"\b(Held|Superseded|Lapsed|Dead)\.{reason.name}\b"
    shown = "console/views/"  # which reads them
    written_by_name = any(re.search(by_name, text) for name, text in SOURCES.items() if not name.startswith(shown))
    assert written_by_name or f'"{reason}"' in ENGINE or f'"held:{reason}"' in ENGINE
