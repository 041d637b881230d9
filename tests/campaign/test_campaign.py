"""A small campaign against a real relay: every part looks at what it promises, and relay keeps it."""

from pathlib import Path

import pytest

from campaign.__main__ import PARTS, campaign
from campaign.report import table

SCALE = 0.002
LEAST = {"fuzz": 400, "signatures": 400, "connections": 1, "documents": 8}


def test_the_page_tells_of_every_part() -> None:
    page = (Path(__file__).parents[2] / "docs/campaign.md").read_text("utf-8")

    assert [part for part in PARTS if f"| `{part}` |" not in page] == []
    assert [part.full for part in PARTS.values() if part.full > 1_000 and f"{part.full:,}" not in page] == []


@pytest.mark.soak
@pytest.mark.timeout(300)
@pytest.mark.filterwarnings("ignore:Requiring AUTH", "ignore:Session.login_data")  # the inbox's, of loopback
async def test_every_part_looks_and_finds_nothing_broken(tmp_path: Path) -> None:
    reports = await campaign([*PARTS], SCALE, 7, tmp_path)

    assert [report.broken for report in reports] == [{}] * len(PARTS), "\n".join(table(reports))
    assert all(report.kept for report in reports)
    for part, report in zip(PARTS, reports, strict=True):
        assert sum(report.promises.values()) >= LEAST[part], (part, report.promises)
