"""Renderers with the built-in templates and with files of a user's own."""

from pathlib import Path
from typing import Any

import pytest

from relay.rendering import Renderer, RenderOptions
from tests.support import samples
from tests.support.renderers import BUILT_IN, Build


@pytest.fixture(scope="session")
def renderer() -> Renderer:
    return Renderer([BUILT_IN], samples.OPTIONS)


@pytest.fixture
def alone(tmp_path: Path) -> Build:
    """A renderer that has these files and no others."""

    def build(files: dict[str, str], *more: Path, **options: Any) -> Renderer:
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text, "utf-8")
        return Renderer([tmp_path, *more], RenderOptions(**options))

    return build


@pytest.fixture
def own(alone: Build) -> Build:
    """A renderer with files of the user's own before the built-in ones."""
    return lambda files, **options: alone(files, BUILT_IN, **options)
