"""A certificate for this test run, made by the openssl that every system has."""

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Certificate:
    """`authority` is what a client has to trust, the certificate itself; `context` is the server's."""

    authority: Path
    key: Path
    context: ssl.SSLContext


def make_certificate(directory: Path, host: str = "127.0.0.1") -> Certificate:
    """Self-signed, good for two days and for one host."""
    key, certificate = directory / "key.pem", directory / "certificate.pem"
    names = f"subjectAltName={'IP' if host[0].isdigit() else 'DNS'}:{host}"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", f"/CN={host}", "-addext", names, "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return Certificate(certificate, key, context)
