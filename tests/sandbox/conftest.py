import threading
from collections.abc import Iterator

import pytest

from tests.support.post_server import PostServer


@pytest.fixture
def posts() -> Iterator[PostServer]:
    with PostServer() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()
