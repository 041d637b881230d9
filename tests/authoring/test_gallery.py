"""The templates for many who look: read when somebody looks, left when nobody does, and no burden to what is sent."""

from pathlib import Path

import pytest

from relay.authoring.studio import Gallery, Studio
from relay.authoring.workspace import Workspace
from tests.support.renderers import BUILT_IN, compile_built_in
from tests.support.studio import OWN, write
from tests.support.waiting import until

FAILED = "slack/operation.failed.yaml"


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """An author's directory, with one file."""
    compile_built_in()
    write(tmp_path, FAILED, OWN)
    return tmp_path


async def test_is_let_go_when_nobody_looks_and_read_again_when_somebody_does(own: Path) -> None:
    gallery = Gallery(lambda: Workspace((own, BUILT_IN)), idle=0.0)
    first = await gallery.studio()

    async def another() -> Studio | None:
        studio = await gallery.studio()
        return studio if studio is not first else None

    assert await until(another)
    await gallery.aclose()


async def test_a_page_whose_files_were_saved_meanwhile_draws_them_as_they_are_now(own: Path) -> None:
    gallery = Gallery(lambda: Workspace((own, BUILT_IN)))
    before = await gallery.studio()
    choice = before.choice("operation.failed")
    write(own, FAILED, OWN.replace("mine", "changed"))
    await gallery.studio()
    saved = await gallery.drawing(before, "slack", choice)
    await gallery.aclose()
    left = await gallery.drawing(before, "slack", choice)
    await gallery.aclose()

    for drawing in (saved, left):
        assert not isinstance(drawing, str), drawing
        assert ", changed: " in drawing.content["text"]


async def test_a_saved_file_is_read_and_one_that_stays_is_not(own: Path) -> None:
    gallery = Gallery(lambda: Workspace((own, BUILT_IN)))
    first = await gallery.studio()
    same = await gallery.studio()
    write(own, FAILED, OWN.replace("mine", "changed"))
    fresh = await gallery.studio()
    drawing = await gallery.drawing(fresh, "slack", fresh.choice("operation.failed"))
    await gallery.aclose()

    assert same is first
    assert fresh is not first
    assert not isinstance(drawing, str)
    assert ", changed: " in drawing.content["text"]
