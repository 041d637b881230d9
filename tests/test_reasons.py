"""Every code that the scripts write down is in the vocabulary, and the vocabulary has no code that nobody writes."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from relay.reasons import Dead, Held, Lapsed, Reason, Superseded

ROOT = Path(__file__).parents[1] / "relay"
SCRIPTS = "\n".join(file.read_text("utf-8") for file in sorted((ROOT / "store" / "scripts").rglob("*.lua")))
SOURCES = "\n".join(file.read_text("utf-8") for file in sorted(ROOT.rglob("*.py")) if file.name != "reasons.py")

WRITTEN = {
    Held: (r"count\('held:(\w+)'\)", r"note\([^\n]*'held', [^\n]*?, '(\w+)'"),
    Superseded: (r"supersede\([^\n]*, '([a-z ]+)'\)", r"^\s*(?:if [^\n]* then )?return '([a-z]+ [a-z ]+)'"),
    Lapsed: (r"note\([^\n]*'lease lapsed'[^\n]*and '([a-z ]+)' or", r"note\([^\n]*'lease lapsed'[^\n]* or '([a-z ]+)'"),
    Dead: (r"bury\([^\n,]*, '(\w+)'",),
}


def written(kind: type[Reason]) -> Iterator[str]:
    for pattern in WRITTEN[kind]:
        yield from re.findall(pattern, SCRIPTS, re.MULTILINE)


@pytest.mark.parametrize("kind", WRITTEN)
def test_the_scripts_write_no_code_that_has_no_sentence(kind: type[Reason]) -> None:
    codes = set(written(kind))

    assert codes
    assert codes <= set(kind)


@pytest.mark.parametrize("reason", [*Held, *Superseded, *Lapsed, *Dead], ids=lambda one: f"{type(one).__name__} {one}")
def test_every_code_is_written_somewhere(reason: Reason) -> None:
    in_scripts = f"'{reason}'" in SCRIPTS or f"'held:{reason}'" in SCRIPTS
    assert in_scripts or re.search(rf"\b(Held|Superseded|Lapsed|Dead)\.{reason.name}\b", SOURCES)
