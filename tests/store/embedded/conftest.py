"""Data directories for a private Redis."""

from pathlib import Path

import pytest


@pytest.fixture
def data_dir(home: Path) -> Path:
    return home / "data"
