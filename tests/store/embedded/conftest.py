"""Data directories for a private Redis."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def home() -> Iterator[Path]:
    """A short path, as a socket needs: pytest's own may be too long."""
    path = Path(tempfile.mkdtemp(prefix="relay-", dir="/tmp"))
    yield path
    shutil.rmtree(path)


@pytest.fixture
def data_dir(home: Path) -> Path:
    return home / "data"
