"""A desk in memory."""

import pytest

from tests.engine.desk import Desk


@pytest.fixture
def desk() -> Desk:
    return Desk()
