"""docs/hardening.md and docs/reverse-proxies.md lead to every file in deploy/."""

import re

from tests.support.commands import ROOT

PAGE = "".join((ROOT / "docs" / name).read_text("utf-8") for name in ("hardening.md", "reverse-proxies.md"))
DEPLOY = ROOT / "deploy"


def test_the_page_leads_to_every_file_and_every_path_in_it_is_one() -> None:
    shown = {*re.findall(r"\]\(\.\./deploy/([\w./-]+)\)", PAGE), *re.findall(r"^\| `([\w-]+\.yaml)` \|", PAGE, re.M)}
    files = {str(file.relative_to(DEPLOY)) for file in DEPLOY.rglob("*") if file.is_file()}
    chart = {name for name in files if name.startswith("helm/relay/")}  # Helm's own layout, which a link leads to

    assert chart
    assert {name.removeprefix("kubernetes/") for name in files - chart} == {
        name.removeprefix("kubernetes/") for name in shown - {"kubernetes", "helm/relay"}
    }
