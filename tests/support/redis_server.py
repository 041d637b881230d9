"""A private, real Redis for tests, which may be stopped, killed and frozen like one in the wild.

One server serves a whole test process (`redis_server` of tests/conftest.py), and a test gets it empty. A test that
harms its server makes its own one, with whatever options it needs: `RedisServer(appendonly="yes", maxmemory="5mb")`.
"""

import shutil
import signal
import subprocess
import tempfile
import time
import weakref
from pathlib import Path
from typing import Self

from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from relay.store.embedded.binary import find_server
from relay.store.embedded.launch import ends_with_parent
from tests.support.certificates import Certificate
from tests.support.patience import patience
from tests.support.programs import needs
from tests.support.waiting import until

OPTIONS = {"port": "0", "save": "", "appendonly": "no", "unixsocketperm": "700", "unixsocket": "redis.sock"}


class RedisServer:
    """A server on a unix socket in a directory of its own; memory only unless the options say otherwise.

    `options` are those of redis.conf with `_` for `-`. Data and `url` survive `stop`, `kill` and `restart`; the
    directory goes with the object. Only the one process started here is ever signalled.
    """

    def __init__(self, binary: str = "", **options: str) -> None:
        # Not pytest's tmp_path: that is too long for the path of a socket.
        self.directory = Path(tempfile.mkdtemp(prefix="relay-", dir="/tmp"))
        weakref.finalize(self, shutil.rmtree, self.directory, ignore_errors=True)
        self.url = f"unix://{self.directory}/redis.sock?db=0"
        self._command = [str(binary or find_server())]
        for name, value in (OPTIONS | options).items():
            self._command += [f"--{name.replace('_', '-')}", value]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """Of the running server."""
        return self._running.pid

    @property
    def running(self) -> bool:
        return self._process is not None

    @property
    def log(self) -> str:
        """Everything the server has said so far."""
        return (self.directory / "redis.log").read_text(errors="replace")

    def start(self) -> None:
        """Returns when the server answers, its data loaded."""
        assert self._process is None, "the server runs already"
        with (self.directory / "redis.log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=ends_with_parent(),  # noqa: PLW1509 - it makes two system calls, no more
            )
        self._await_ready(self._process)

    def stop(self) -> None:
        """Ends the server in its own good order; harmless when it is down."""
        if self._process:
            self.resume()
            self._end(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL: the server has no say in it."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        self.stop()
        self.start()

    def pause(self) -> None:
        """SIGSTOP: connections stay open, and nothing is answered."""
        self._running.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._running.send_signal(signal.SIGCONT)

    @property
    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "the server is down"
        return self._process

    def _end(self, by: signal.Signals) -> None:
        process, self._process = self._running, None
        process.send_signal(by)
        process.wait(patience())

    def _await_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + patience()
        with Redis.from_url(self.url, retry=Retry(NoBackoff(), 0)) as client:
            while True:
                try:
                    # Not any server that answers: a dead one's socket may have been taken over.
                    if client.ping() and client.info("server")["process_id"] == process.pid:
                        return
                except RedisError:
                    pass
                assert process.poll() is None, f"the server ended with status {process.returncode}:\n{self.log}"
                assert time.monotonic() < deadline, f"the server does not answer:\n{self.log}"
                time.sleep(0.002)


def with_tls(certificate: Certificate, port: int) -> dict[str, str]:
    """Options of a server that takes TLS at this port. The packaged one cannot: it is Debian's."""
    return {
        "binary": needs("valkey-server", "valkey-server"), "tls_port": f"{port}", "tls_auth_clients": "no",
        "tls_replication": "yes", "tls_cert_file": str(certificate.authority), "tls_key_file": str(certificate.key),
        "tls_ca_cert_file": str(certificate.authority),
    }  # fmt: skip


async def follow(replica: AsyncRedis, port: int) -> None:
    """Let it copy the server at this port; return once it has."""
    await replica.execute_command("REPLICAOF", "127.0.0.1", port)

    async def up() -> bool:
        return bool((await replica.info("replication")).get("master_link_status") == "up")

    await until(up)
