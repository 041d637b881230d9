"""docs/hardening.md and docs/reverse-proxies.md show what is in deploy/, and what they say of it is so."""

import re
from pathlib import Path

from tests.support.commands import ROOT
from tests.support.inprocess import relay

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


def test_the_configuration_behind_a_proxy_is_one(tmp_path: Path) -> None:
    [shown] = re.findall(r"^```yaml\n(server:\n.*?)^```", PAGE, re.M | re.S)
    shipped = (ROOT / "config/relay.yaml").read_text("utf-8")
    file = tmp_path / "relay.yaml"
    file.write_text(shipped + shown, "utf-8")

    done = relay("check", "-c", file)

    assert done.exit_code == 0, done.output
