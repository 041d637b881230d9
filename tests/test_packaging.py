"""Tests of the package and its build: nothing that the locks do not name, and everything that is needed to run."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.commands import ROOT

pytestmark = pytest.mark.slow

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
LOCKS = {
    name: (ROOT / f"requirements/{name}.txt").read_text("utf-8") for name in ("run", "dev", "build", "docs", "lowest")
}
SHIPPED_CONFIG = {f"config/{name}" for name in ("demo.yaml", "relay.schema.json", "relay.yaml")}


def pinned(name: str) -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+)==([^\s;]+)", LOCKS[name], re.M))


def named(requirement: str) -> str:
    [name] = re.findall(r"^[A-Za-z0-9._-]+", requirement)
    return re.sub(r"[-_.]+", "-", name).lower()


def built(project: Path, into: Path, environment: Mapping[str, str] | None = None) -> list[str]:
    """The names in the wheel of this project."""
    build = (sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(into))
    done = subprocess.run(build, cwd=project, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    [wheel] = into.glob("*.whl")
    return zipfile.ZipFile(wheel).namelist()


@pytest.mark.parametrize("name", LOCKS)
def test_every_version_in_a_lock_has_its_hashes(name: str) -> None:
    blocks = re.split(r"^(?=\S)", LOCKS[name], flags=re.M)[1:]

    assert blocks
    assert [block.split()[0] for block in blocks if "--hash=sha256:" not in block] == []


def test_what_builds_relay_is_locked_and_is_what_the_tests_are_installed_with() -> None:
    needed = {named(one) for one in PROJECT["build-system"]["requires"]}

    assert needed <= pinned("build").keys()
    assert pinned("build").items() <= pinned("dev").items()


def test_the_oldest_versions_are_those_that_the_project_allows() -> None:
    extras = PROJECT["project"]["optional-dependencies"]
    optional = [one for name in ("apprise", "embedded", "sns", "otel", "demo") for one in extras[name]]
    wanted = [one for one in (*PROJECT["project"]["dependencies"], *optional)
              if not one.startswith("operation-relay[")]  # fmt: skip
    least = {named(one): re.findall(r">=([\d.]+)", one)[0] for one in wanted}
    locked = {name: version for name, version in pinned("lowest").items() if name in least}

    def numbers(version: str) -> tuple[int, ...]:
        return tuple(int(part) for part in re.sub(r"(\.0)+$", "", version).split("."))

    assert {name: numbers(version) for name, version in locked.items()} == {
        name: numbers(version) for name, version in least.items()
    }, "renew it: make lock"


def test_the_same_sources_make_the_same_wheel_wherever_and_whenever_they_lie(tmp_path: Path) -> None:
    """Byte by byte: from files with other times and rights, in another folder, by a Python with another hash seed."""
    sources = ("pyproject.toml", "README.md", "LICENSE", "relay", "relay_sandbox", "templates", *sorted(SHIPPED_CONFIG))
    wheels = []
    for number, folder in enumerate((tmp_path / "one", tmp_path / "another/place")):
        for name in sources:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            copied = ("cp", "--recursive", "--no-preserve=timestamps", str(ROOT / name), str(folder / name))
            subprocess.run(copied, check=True)
        for file in (*folder.rglob("__pycache__"),):
            shutil.rmtree(file)
        for file in filter(Path.is_file, folder.rglob("*.py")):
            os.utime(file, (number * 10**8, number * 10**8))
            file.chmod((0o644, 0o600)[number])
        environment = {**os.environ, "PYTHONHASHSEED": str(number + 1), "SOURCE_DATE_EPOCH": "0"}
        built(folder, folder / "dist", environment)
        [wheel] = (folder / "dist").glob("*.whl")
        wheels.append(wheel.read_bytes())

    assert wheels[0] == wheels[1]


def test_the_wheel_has_all_that_an_installed_relay_needs(tmp_path: Path) -> None:
    names = built(ROOT, tmp_path)

    held = {name.partition(".dist-info/")[2] or name for name in names}
    templates = {str(file.relative_to(ROOT)) for file in (ROOT / "templates").rglob("*") if file.is_file()}
    shared = {f"relay/_share/{name}" for name in SHIPPED_CONFIG | templates}
    assert {"licenses/LICENSE", "relay/py.typed", *shared} <= held
    assert not [name for name in held if name.startswith(("tests/", "requirements/"))]
