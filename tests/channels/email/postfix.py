"""A postfix of this test run's own, on loopback, with TLS. It throws away what it has taken, and its log says that."""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Self

import pytest

from tests.support.certificates import Certificate
from tests.support.patience import patience
from tests.support.ports import free_ports

POSTFIX = shutil.which("postfix", path=f"{os.environ.get('PATH', '')}:/usr/sbin") or ""
# One that is there and does not start fails the test: only its absence is an excuse.
needs_postfix = pytest.mark.skipif(
    not POSTFIX or os.geteuid() != 0, reason="there is no postfix here, or nobody who may start it: it wants root"
)

MAIN = """
compatibility_level = 3.6
queue_directory = {root}/queue
data_directory = {root}/data
maillog_file = {root}/mail.log
maillog_file_prefixes = {root}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mx.example.com
mydestination =
mynetworks = 127.0.0.0/8
smtpd_peername_lookup = no
disable_dns_lookups = yes
alias_maps =
alias_database =
default_transport = discard:
smtpd_tls_cert_file = {certificate}
smtpd_tls_key_file = {key}
smtpd_tls_security_level = may
smtpd_tls_loglevel = 1
"""
MASTER = """
127.0.0.1:{starttls} inet n - n - - smtpd
127.0.0.1:{tls} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes
postlog unix-dgram n - n - 1 postlogd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
"""


class Postfix:
    """`with Postfix(certificate) as server: …`; `ports` by relay's `tls` modes."""

    def __init__(self, certificate: Certificate) -> None:
        starttls, tls = free_ports(2)
        self.ports = {"none": starttls, "starttls": starttls, "tls": tls}
        self._certificate = certificate

    def __enter__(self) -> Self:
        # Not below pytest's own directory, into which nobody but its owner can look: postfix's parts run as its user.
        self._directory = tempfile.TemporaryDirectory(prefix="postfix-", ignore_cleanup_errors=True)
        self._root = Path(self._directory.name)
        self._root.chmod(0o755)
        for name in ("configuration", "queue", "data"):
            (self._root / name).mkdir()
        shutil.chown(self._root / "data", "postfix")
        names = {
            "root": self._root, "certificate": self._certificate.authority, "key": self._certificate.key, **self.ports,
        }  # fmt: skip
        for name, text in (("main.cf", MAIN), ("master.cf", MASTER)):
            (self._root / "configuration" / name).write_text(text.format(**names))
        started = self._command("start")
        if started.returncode:
            log = self.log
            self._directory.cleanup()
            raise AssertionError(f"postfix does not start: {started.stderr}{log}")
        return self

    def __exit__(self, *_: object) -> None:
        self._command("stop")
        self._directory.cleanup()

    @property
    def log(self) -> str:
        log = self._root / "mail.log"
        return log.read_text("utf-8") if log.exists() else ""

    @property
    def connections(self) -> int:
        return len(re.findall(r"smtpd\[\d+\]: connect from", self.log))

    @property
    def encrypted(self) -> int:
        """Return how many of the connections were."""
        return self.log.count("TLS connection established from")

    @property
    def delivered(self) -> list[str]:
        """Recipients, one for each mail."""
        return re.findall(r" to=<([^>]+)>,.* status=sent ", self.log)

    def _command(self, command: str) -> subprocess.CompletedProcess[str]:
        line = [POSTFIX, "-c", self._root / "configuration", command]
        return subprocess.run(line, check=False, capture_output=True, text=True, timeout=patience())
