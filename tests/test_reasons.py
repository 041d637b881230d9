"""Every code that the engine writes down is in the vocabulary, and the vocabulary has no code that nobody writes."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from relay.reasons import Dead, Held, Lapsed, Reason, Superseded

ROOT = Path(__file__).parents[1] / "relay"
ENGINE = "\n".join(file.read_text("utf-8") for file in sorted((ROOT / "engine").rglob("*.py")))
SOURCES = "\n".join(file.read_text("utf-8") for file in sorted(ROOT.rglob("*.py")) if file.name != "reasons.py")

WRITTEN = {
    Held: (r'"held:(\w+)"', r'_hold\([^\n]*, "(\w+)"\)', r'move_to_bundle\([^\n]*?, "(\w+)"', r'^ +why = "(\w+)"'),
    Superseded: (r'supersede\([^\n]*, "([a-z_ ]+)"\)', r'^ +return "([a-z]+ [a-z ]+|covered_by_\w+)"'),
    Lapsed: (r'"lease lapsed", [^\n]*, "([a-z ]+)" if', r'"lease lapsed", [^\n]* else "([a-z ]+)"'),
    Dead: (r'dead_letter\([^\n]*, "(\w+)"',),
}


def written(kind: type[Reason]) -> Iterator[str]:
    for pattern in WRITTEN[kind]:
        yield from re.findall(pattern, ENGINE, re.MULTILINE)


@pytest.mark.parametrize("kind", WRITTEN)
def test_the_engine_writes_no_code_that_has_no_sentence(kind: type[Reason]) -> None:
    codes = set(written(kind))

    assert codes
    assert codes <= set(kind)


@pytest.mark.parametrize("reason", [*Held, *Superseded, *Lapsed, *Dead], ids=lambda one: f"{type(one).__name__} {one}")
def test_every_code_is_written_somewhere(reason: Reason) -> None:
    in_engine = f'"{reason}"' in ENGINE or f'"held:{reason}"' in ENGINE
    assert in_engine or re.search(rf"\b(Held|Superseded|Lapsed|Dead)\.{reason.name}\b", SOURCES)
