"""relay's own templates are compiled at its setup into a folder that it only reads; without it relay compiles them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from relay.rendering import Renderer, compiled
from relay.rendering.__main__ import main
from tests.support import samples
from tests.support.renderers import BUILT_IN, render

WRITTEN, ALTERED = "🔔", "🔕"  # of slack/generic.yaml, as its author wrote it, and as it is altered in the folder


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    before = dict(compiled.COMPILED)
    compiled.COMPILED.clear()
    monkeypatch.setattr(compiled, "FOLDER", tmp_path / "compiled")
    yield tmp_path / "compiled"
    compiled.COMPILED.clear()  # of what was altered
    compiled.COMPILED.update(before)


def sign() -> str:
    """Return what a relay that has just started writes first."""
    compiled.COMPILED.clear()
    return str(render(Renderer([BUILT_IN]), samples.messages()["operation.paused"])["blocks"][0]["text"]["text"][0])


def test_a_relay_reads_what_its_setup_compiled_and_compiles_what_it_cannot_read(folder: Path) -> None:
    without = sign()
    assert not folder.exists()

    main()
    for file in folder.iterdir():
        file.write_bytes(file.read_bytes().replace(WRITTEN.encode(), ALTERED.encode()))
    read = sign()
    for file in folder.iterdir():
        file.write_bytes(file.read_bytes()[:100])
    cut_short = sign()

    assert (without, read, cut_short) == (WRITTEN, ALTERED, WRITTEN)


def test_an_operators_templates_are_not_kept(folder: Path, tmp_path: Path) -> None:
    main()
    before = {*folder.iterdir()}
    (tmp_path / "own" / "slack").mkdir(parents=True)
    (tmp_path / "own" / "slack" / "generic.yaml").write_text("text: mine {{ op.id }}\n", "utf-8")

    Renderer([tmp_path / "own", BUILT_IN])

    assert {*folder.iterdir()} == before
