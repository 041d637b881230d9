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


def make_certificate(directory: Path, host: str = "127.0.0.1", days: int = 2) -> Certificate:
    """Self-signed, good for so many days and for one host; also as a client's, for who trusts it."""
    directory.mkdir(exist_ok=True)
    key, certificate = directory / "key.pem", directory / "certificate.pem"
    names = f"subjectAltName={'IP' if host[0].isdigit() else 'DNS'}:{host}"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-days", f"{days}", "-subj", f"/CN={host}", "-addext", names, "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return Certificate(certificate, key, context)


def trusting(certificate: Certificate, own: Certificate | None = None) -> ssl.SSLContext:
    """A client's context that believes this server alone, and shows `own`."""
    context = ssl.create_default_context(cafile=certificate.authority)
    if own:
        context.load_cert_chain(own.authority, own.key)
    return context
