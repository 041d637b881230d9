"""The documentation's site: `make docs` makes it of the pages as they lie, offline, and refuses what leads nowhere."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from shutil import copytree

import pytest

from tests.support.commands import ROOT
from tests.support.patience import patience

[BUILD] = re.findall(r"^\t\$\(BIN\)/sphinx-build (.+)$", (ROOT / "Makefile").read_text("utf-8"), re.M)
INDEX = (ROOT / "docs/index.md").read_text("utf-8")
GROUPS = ("Start", "Tasks", "Reference", "Understand")
ASSET = re.compile(
    r"""<(?:script|img|source|iframe)\b[^>]*?\bsrc=["']?(\S+?)["'\s>]|<link\b[^>]*?\bhref=["']?(\S+?)["'\s>]|"""
    r"""url\(["']?([^"')]+)|@import\s+["']([^"']+)""", re.I)  # fmt: skip


def make(root: Path, site: Path) -> subprocess.CompletedProcess[str]:
    """Return what `make docs` runs, on this copy of the sources."""
    arguments = [str(site) if word == "site" else word for word in BUILD.split()]
    env = {**os.environ, "http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    return subprocess.run([sys.executable, "-m", "sphinx", *arguments], cwd=root, env=env, text=True,
                          capture_output=True, timeout=patience(), check=False)  # fmt: skip


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the site is made of."""
    root = tmp_path_factory.mktemp("sources")
    for name in ("docs", "deploy", "config", "templates"):
        copytree(ROOT / name, root / name)
    for page in (*ROOT.glob("*.md"), ROOT / "pyproject.toml", ROOT / "compose.yaml"):
        (root / page.name).write_bytes(page.read_bytes())
    return root


@pytest.mark.slow
def test_every_page_is_on_the_site_in_its_search_and_its_navigation_and_nothing_comes_from_elsewhere(
    sources: Path,
) -> None:
    site = sources / "site"
    done = make(sources, site)
    assert done.returncode == 0, done.stderr

    pages = {str(page.relative_to(ROOT).with_suffix("")) for page in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"))}
    script = (site / "searchindex.js").read_text("utf-8")
    searched = json.loads(script.removeprefix("Search.setIndex(").removesuffix(")"))
    assert {name for name in pages if not (site / f"{name}.html").exists()} == set()
    assert set(searched["docnames"]) == pages
    assert "dead" in searched["terms"]
    assert 'url=README.html"' in (site / "index.html").read_text("utf-8")

    listed = re.findall(r"^- \[[^]]+\]\(([\w.-]+\.md)\)", INDEX, re.M)
    start = (site / "README.html").read_text("utf-8")
    tree = start[start.index("sidebar-tree"):]  # fmt: skip
    assert sorted(listed) == sorted(page.name for page in ROOT.glob("docs/*.md") if page.name != "index.md")
    assert tuple(re.findall(r'class="caption-text">(\w+)<', tree)) == GROUPS
    assert [name for name in listed if f'href="docs/{name.removesuffix(".md")}.html"' not in tree] == []
    assert "theme-toggle" in start

    texts = {file: file.read_text("utf-8") for file in site.rglob("*") if file.suffix in (".html", ".css")}
    assets = {(file.name, next(filter(None, found))) for file, text in texts.items() for found in ASSET.findall(text)}
    assert len(assets) > 10
    assert {asset for asset in assets if re.match(r"(?:\w+:)?//", asset[1])} == set()
