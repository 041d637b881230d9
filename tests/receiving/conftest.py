from collections.abc import AsyncIterator

import pytest

from tests.support.front import Front, receiving


@pytest.fixture
async def front() -> AsyncIterator[Front]:
    async with receiving() as front:
        yield front
