"""Compiled templates lie under `data_dir`, where relay alone can write; without it relay does without."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from relay.rendering import Renderer
from relay.rendering.environments import COMPILED, TemplateEnvironment
from tests.support import samples
from tests.support.renderers import render

FILE = "slack/operation.failed.yaml"


@pytest.fixture(autouse=True)
def each_start_knows_nothing() -> Iterator[None]:
    before = dict(COMPILED)
    COMPILED.clear()
    yield
    COMPILED.update(before)


@pytest.fixture(autouse=True)
def built_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two files in place of all that come with relay."""
    folder = tmp_path / "templates"
    (folder / "slack").mkdir(parents=True)
    (folder / "sentences.j2").write_text("{% macro name() %}{{ op.name }}{% endmacro %}", "utf-8")
    (folder / FILE).write_text("text: '{{ say.name() }}'\nmore: '{{ op.status }}'\n", "utf-8")
    monkeypatch.setattr("relay.rendering.template_set.resource_dir", lambda _name: folder)
    return folder


@pytest.fixture
def own(tmp_path: Path) -> Path:
    folder = tmp_path / "own"
    (folder / "slack").mkdir(parents=True)
    (folder / FILE).write_text("text: '{{ op.name|upper }}'\n", "utf-8")
    return folder


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


def start(*directories: Path, data_dir: Path) -> tuple[str, int]:
    """What a message says after a start, and how many files were compiled for it."""
    COMPILED.clear()
    compiled: list[str] = []
    generate = TemplateEnvironment._generate

    def noted(self: TemplateEnvironment, source: Any, name: str, *given: Any, **named: Any) -> str:
        compiled.append(name)
        return generate(self, source, name, *given, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TemplateEnvironment, "_generate", noted)
        renderer = Renderer([*directories, data_dir.parent / "templates"], data_dir=data_dir)
        text = render(renderer, samples.messages()["operation.failed"])["text"]
    return text, len(compiled)


def test_a_second_start_compiles_nothing(data_dir: Path) -> None:
    text, compiled = start(data_dir=data_dir)
    again, later = start(data_dir=data_dir)

    assert compiled == 3
    assert (again, later) == (text, 0)
    assert [path.name for path in (data_dir / "compiled").iterdir()] == ["builtin"]


def test_the_two_kinds_lie_apart_and_are_relays_alone(own: Path, data_dir: Path) -> None:
    start(data_dir=data_dir)
    text, _ = start(own, data_dir=data_dir)

    places = [data_dir / "compiled", *(data_dir / "compiled").iterdir()]
    assert sorted(place.name for place in places) == ["builtin", "compiled", "sandbox"]
    assert {place.stat().st_mode & 0o777 for place in places} == {0o700}
    assert text == "COMPREHENSIVE CUSTOMER JOURNEY ANALYSIS"


def test_code_of_relays_own_kind_is_not_loaded_by_the_sandbox(own: Path, data_dir: Path) -> None:
    start(data_dir=data_dir)
    _, before = start(own, data_dir=data_dir)
    shutil.rmtree(data_dir / "compiled" / "sandbox")

    _, after = start(own, data_dir=data_dir)

    assert after == before


@pytest.mark.parametrize("spoiled", ["absent", "a file", "open to others", "a link", "cut short", "of another version"])
def test_without_a_place_of_its_own_relay_does_without(data_dir: Path, tmp_path: Path, spoiled: str) -> None:
    text, compiled = start(data_dir=data_dir)
    place = data_dir / "compiled" / "builtin"
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

    assert start(data_dir=data_dir) == (text, compiled)

    assert data_dir.exists() == (spoiled != "absent")
    if spoiled in ("cut short", "of another version"):  # those are written anew
        assert start(data_dir=data_dir) == (text, 0)
        assert len({file.name.partition("-")[0] for file in place.iterdir()}) == 1
