"""Settings of `make docs`, which makes a site of README, docs/ and the other pages as they are, so that links hold.

The navigation is what docs/index.md lists, group by group. Warnings are errors: a link, an anchor or a page that leads
nowhere ends the build. Nothing is fetched, neither here nor by readers.
"""

import ast
import re
import tomllib
from collections import defaultdict
from pathlib import Path
from typing import Any

from prometheus_client.metrics import MetricWrapperBase

from relay import log_lines, metrics
from relay.domain.events import OPERATOR_EVENTS

ROOT = Path(__file__).parents[1]
SOURCE = Path(metrics.__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
GROUP = re.compile(r"^## (.+)\n((?:(?!^## ).*\n?)*)", re.M)
# A comment, and the lines up to the next one.
COMMENTED = re.compile(r"^(?:    )?# (.+)\n((?:(?!^(?:    )?# ).*\n?)*)", re.M)
HEAD = "| metric | type | labels | meaning, and what to do |\n|---|---|---|---|"
LOG_HEAD = "| event | level | meaning, and what to do |\n|---|---|---|"
LEVELS = {name: [name] for name in ("debug", "info", "warning", "error")} | {"log": ["info", "warning", "error"]}
PAGE = re.compile(r"^- \[[^]]+\]\(([^)#]+)\.md\)", re.M)

project, version = PROJECT["name"], PROJECT["version"]
copyright = ""  # noqa: A001 - Sphinx's name for it
extensions = ["myst_parser"]
root_doc = "README"
include_patterns = ["*.md", "docs/*.md"]
exclude_patterns = [".*", "site", "tests", "requirements"]
myst_heading_anchors = 4
language = "en"
highlight_language = "text"

html_theme = "furo"
html_title = project
html_show_sphinx = html_show_copyright = html_show_sourcelink = html_copy_source = False
html_theme_options = {
    f"{scheme}_css_variables": {"color-brand-primary": color, "color-brand-content": color}
    for scheme, color in {"light": "#0b5cad", "dark": "#7ab8f5"}.items()
}


def navigation() -> dict[str, list[str]]:
    """The groups of docs/index.md, each with its pages as the start page, which is none of them, calls them."""
    index = (ROOT / "docs/index.md").read_text("utf-8")
    pages = {group: [str((ROOT / "docs" / page).resolve().relative_to(ROOT)) for page in PAGE.findall(body)]
             for group, body in GROUP.findall(index)}  # fmt: skip
    return {group: ["docs/index" if page == root_doc else page for page in pages[group]] for group in pages}


def as_source_has_it(app: Any, name: str, source: list[str]) -> None:
    """Give the start page its navigation, and let a link to a folder lead to where the source is read."""
    page = ROOT / app.env.doc2path(name, base=False)

    def lead(link: re.Match[str]) -> str:
        folder = page.parent / link[1]
        away = f"{PROJECT['urls']['Source']}/{folder.resolve().relative_to(ROOT)}"
        return f"]({away})" if folder.is_dir() else link[0]

    source[0] = re.sub(r"\]\(([\w./-]+)\)", lead, source[0])
    if name == "docs/metrics":
        source[0] += metrics_page()
    if name == "docs/logs":
        source[0] += log_lines_page()
    if name == root_doc:
        source[0] += "".join(f"\n```{{toctree}}\n:caption: {group}\n:hidden:\n\n{chr(10).join(pages)}\n```\n"
                             for group, pages in navigation().items())  # fmt: skip


def metrics_page() -> str:
    """The metrics of relay/metrics.py, a table for each of its comments, with what their HELP says."""
    text = Path(metrics.__file__).read_text("utf-8")
    found = {its._name: its for its in vars(metrics).values() if isinstance(its, MetricWrapperBase)}
    page = ""
    for group, body in COMMENTED.findall(text):
        page += f"\n## {group.partition(':')[0]}\n\n{HEAD}\n"
        for name in re.findall(r"\(\s*\"(relay_\w+)\"", body):
            its = found[name]
            whole = f"{name}_total" if its._type == "counter" else name
            page += f"| `{whole}` | {its._type} | {', '.join(its._labelnames)} | {its._documentation} |\n"
    return page


def log_lines_page() -> str:
    """The log lines of relay/log_lines.py, a table for each of its comments, with the levels of the calls."""
    meanings, levels = log_lines.LOG_EVENTS, written_levels()
    if unequal := meanings.keys() ^ levels.keys():
        raise ValueError(f"relay/log_lines.py must have each line that is logged, and no other: {sorted(unequal)}")
    page = ""
    for group, body in COMMENTED.findall(Path(log_lines.__file__).read_text("utf-8")):
        page += f"\n## {group}\n\n{LOG_HEAD}\n"
        for event in re.findall(r'^    "([a-z_.]+)": ', body, re.M):
            page += f"| `{event}` | {', '.join(levels[event])} | {meanings[event]} |\n"
    return page


def written_levels() -> dict[str, list[str]]:
    """The levels at which each line is logged, read from the calls."""
    found = defaultdict[str, set[str]](set)
    for file in (file for package in ("relay", "relay_sandbox") for file in (SOURCE / package).rglob("*.py")):
        for call in ast.walk(ast.parse(file.read_text("utf-8"))):
            if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in LEVELS):
                continue
            for event in event_names(call):
                found[event].update(LEVELS[call.func.attr])
    return {event: [level for level in LEVELS if level in at] for event, at in found.items()}


def event_names(call: ast.Call) -> set[str]:
    """Return what a call logs: words of its first arguments, of which a limited line has its logger first."""
    constants = [node.value for word in call.args[:2] for node in ast.walk(word) if isinstance(node, ast.Constant)]
    if call.args and ast.unparse(call.args[0]) == "notice.name":
        return set(OPERATOR_EVENTS)
    return {str(value) for value in constants if re.fullmatch(r"audit|[a-z_]+\.[a-z_]+", str(value))}


def enter(app: Any, failure: Exception | None) -> None:
    """Open the start page where a site is opened."""
    if not failure:
        door = '<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0; url=README.html">'
        (Path(app.outdir) / "index.html").write_text(f'{door}<a href="README.html">{project}</a>\n', "utf-8")


def setup(app: Any) -> None:
    app.connect("source-read", as_source_has_it)
    app.connect("build-finished", enter)
