"""The code that the documentation's pages show, block by block."""

import re
from dataclasses import dataclass

from tests.support.forked import ROOT

PAGES = (*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/*.md")))
BLOCK = re.compile(r"^(?:<!-- not run: (?P<reason>.+) -->\n)?```(?P<language>\w*)\n(?P<text>.*?)^```", re.M | re.S)


@dataclass(frozen=True)
class Block:
    """`reason` says why a test of its own, or none, has what others are run or checked for."""

    page: str  # from the repository's root
    line: int
    language: str
    text: str
    reason: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(*languages: str) -> list[Block]:
    """Return those in these languages, or all, page by page."""
    shown = [
        Block(str(page.relative_to(ROOT)), text.count("\n", 0, found.start("language")) + 1, found["language"],
              found["text"], found["reason"] or "")
        for page in PAGES for text in [page.read_text("utf-8")] for found in BLOCK.finditer(text)
    ]  # fmt: skip
    return [block for block in shown if not languages or block.language in languages]
