"""Compiled templates lie under `data_dir`, where relay alone can write; without it relay does without."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from jinja2 import DictLoader

from relay.rendering import Renderer
from relay.rendering.built_in import BuiltIn
from relay.rendering.environments import COMPILED, environment
from relay.rendering.sandbox import Sandbox
from tests.support import samples
from tests.support.renderers import BUILT_IN, render

WRITTEN, ALTERED = "🔔", "🔕"  # of slack/generic.yaml, as its author wrote it, and as `alter` leaves its code


@pytest.fixture(autouse=True)
def each_start_knows_nothing() -> Iterator[None]:
    before = dict(COMPILED)
    COMPILED.clear()
    yield
    COMPILED.clear()  # of what was altered
    COMPILED.update(before)


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


def start(data_dir: Path, kind: type[BuiltIn | Sandbox] = BuiltIn) -> str:
    """Return what a file says after a start: whether its code was compiled, or read as it was altered."""
    COMPILED.clear()
    files = environment(kind, "text", DictLoader({}), data_dir=data_dir)
    return files.another(WRITTEN, Path("slack/generic.yaml")).render()


def alter(place: Path) -> None:
    for file in place.iterdir():
        file.write_bytes(file.read_bytes().replace(WRITTEN.encode(), ALTERED.encode()))


def test_a_second_start_compiles_nothing(data_dir: Path) -> None:
    def sign() -> str:
        COMPILED.clear()
        renderer = Renderer([BUILT_IN], data_dir=data_dir)
        return str(render(renderer, samples.messages()["operation.paused"])["blocks"][0]["text"]["text"][0])

    first = sign()
    alter(data_dir / "compiled" / "builtin")

    assert (first, sign()) == (WRITTEN, ALTERED)
    assert [path.name for path in (data_dir / "compiled").iterdir()] == ["builtin"]


def test_code_of_relays_own_kind_is_not_loaded_by_the_sandbox(data_dir: Path) -> None:
    start(data_dir)
    alter(data_dir / "compiled" / "builtin")

    assert [start(data_dir, kind) for kind in (BuiltIn, Sandbox)] == [ALTERED, WRITTEN]
    places = [data_dir / "compiled", *(data_dir / "compiled").iterdir()]
    assert sorted(place.name for place in places) == ["builtin", "compiled", "sandbox"]
    assert {place.stat().st_mode & 0o777 for place in places} == {0o700}


@pytest.mark.parametrize("spoiled", ["absent", "a file", "open to others", "a link", "cut short", "of another version"])
def test_without_a_place_of_its_own_relay_does_without(data_dir: Path, tmp_path: Path, spoiled: str) -> None:
    start(data_dir)
    place = data_dir / "compiled" / "builtin"
    alter(place)
    if spoiled == "absent":
        shutil.rmtree(data_dir)
    elif spoiled == "a file":
        shutil.rmtree(place)
        place.write_text("")
    elif spoiled == "open to others":
        place.chmod(0o777)
    elif spoiled == "a link":
        place.rename(tmp_path / "elsewhere")
        place.symlink_to(tmp_path / "elsewhere")
    for file in place.iterdir() if place.is_dir() else ():
        if spoiled == "cut short":
            file.write_bytes(file.read_bytes()[:100])
        elif spoiled == "of another version":
            file.rename(file.with_name(f"x{file.name[1:]}"))

    assert start(data_dir) == WRITTEN

    assert data_dir.exists() == (spoiled != "absent")
    if spoiled in ("cut short", "of another version"):  # those are written anew
        alter(place)
        assert start(data_dir) == ALTERED
        assert len({file.name.partition("-")[0] for file in place.iterdir()}) == 1
