"""TLS: what is wrong with its files, who may connect, and how a renewed certificate is taken up."""

import asyncio
import shutil
import ssl
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from relay.receiving.guard import Guard
from relay.receiving.listeners import Certificates
from relay.receiving.server import MAX_HANDSHAKES
from relay.receiving.tls import Tls, ending, ends, faults, warnings
from tests.support.certificates import Certificate, make_certificate, trusting
from tests.support.front import Front, receiving
from tests.support.patience import patience
from tests.support.sender import read_reply

DAY = 86_400


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture(scope="module")
def server(directory: Path) -> Certificate:
    return make_certificate(directory / "server")


@pytest.fixture(scope="module")
def other(directory: Path) -> Certificate:
    return make_certificate(directory / "other")


def tls(certificate: Certificate, client_ca: Certificate | None = None) -> Tls:
    return Tls(
        certificate=certificate.authority, key=certificate.key, client_ca=client_ca.authority if client_ca else None
    )


def test_each_fault_names_its_key_and_what_was_expected(
    server: Certificate, other: Certificate, tmp_path: Path
) -> None:
    nothing, garbage, locked = (tmp_path / name for name in ("nothing", "garbage", "locked"))
    garbage.write_bytes(b"\xff no PEM")
    subprocess.run(["openssl", "pkey", "-in", server.key, "-aes256", "-passout", "pass:x", "-out", locked], check=True)
    good = {"certificate": server.authority, "key": server.key}

    def fault(**changes: Path) -> list[tuple[str, str]]:
        return list(faults(Tls(**{**good, **changes}), time.time()))

    assert fault(certificate=nothing) == [("certificate", f"cannot read {nothing}: No such file or directory")]
    assert fault(certificate=tmp_path) == [("certificate", f"cannot read {tmp_path}: Is a directory")]
    assert fault(key=garbage) == [
        ("key", f"{garbage} holds no private key; expected PEM, -----BEGIN PRIVATE KEY-----")]  # fmt: skip
    assert fault(key=other.key) == [
        ("key", "does not belong to the certificate; expected the key that it was made for")]  # fmt: skip
    [(key, text)] = fault(key=locked)
    assert (key, "has a password" in text) == ("key", True)
    assert fault(client_ca=server.key) == [
        ("client_ca", f"{server.key} holds no certificate; expected PEM, -----BEGIN CERTIFICATE-----")]  # fmt: skip
    assert [key for key, _ in fault(certificate=nothing, key=nothing, client_ca=nothing)] == [
        "certificate", "key", "client_ca"]  # fmt: skip


def test_a_certificate_that_has_ended_or_not_begun_is_refused(server: Certificate) -> None:
    settings = tls(server)
    end = ends(settings)

    [(_, late)] = faults(settings, end + 1)
    [(_, early)] = faults(settings, end - 3 * DAY)

    assert late.startswith("ended on ")
    assert early.startswith("is valid from ")


def test_from_14_days_before_its_end_it_is_warned_of(server: Certificate) -> None:
    [(key, warning)] = warnings(tls(server), time.time())

    assert (key, "in 1 day;" in warning) == ("certificate", True)
    assert ending(15 * DAY, 0.0) == ""
    assert "in 13 days; renew it" in ending(13 * DAY + 5, 0.0)
    assert ending(5.0, 10.0).startswith("ended on 1970-01-01 00:00 UTC")


@asynccontextmanager
async def served(settings: Tls, **options: float) -> AsyncIterator[tuple[Front, Certificates]]:
    certificates = Certificates({"server": settings, "server.admin": None}, time.time)
    async with receiving(context=certificates.context("server"), **options) as front:
        yield front, certificates


async def healthz(front: Front, client: ssl.SSLContext) -> int:
    address = front.url.replace("http:", "https:")
    async with aiohttp.ClientSession() as session, session.get(f"{address}/healthz", ssl=client) as response:
        return response.status


async def test_where_client_certificates_are_wanted_who_has_none_of_them_is_not_answered(
    server: Certificate, other: Certificate, directory: Path
) -> None:
    stranger = make_certificate(directory / "stranger")

    async with served(tls(server, client_ca=other)) as (front, _):
        status = await healthz(front, trusting(server, other))
        for client in (trusting(server), trusting(server, stranger)):
            with pytest.raises((aiohttp.ClientError, ssl.SSLError, ConnectionError)):
                await healthz(front, client)

    assert status == 200


async def test_a_renewed_certificate_is_for_new_connections_and_open_ones_go_on(
    server: Certificate, other: Certificate, tmp_path: Path
) -> None:
    files = Tls(certificate=tmp_path / "tls.crt", key=tmp_path / "tls.key")
    shutil.copy(server.authority, files.certificate)
    shutil.copy(server.key, files.key)
    request = b"GET /healthz HTTP/1.1\r\nHost: relay\r\n\r\n"
    async with served(files) as (front, certificates):
        reader, writer = await asyncio.open_connection(*front.runner.addresses[0][:2], ssl=trusting(server))
        writer.write(request)
        first = await read_reply(reader)
        shutil.copy(other.authority, files.certificate)  # as if it were renewed, and its key not yet

        certificates.renew()
        between = await healthz(front, trusting(server))
        shutil.copy(other.key, files.key)
        certificates.renew()

        writer.write(request)
        second = await read_reply(reader)
        writer.transport.abort()
        renewed = await healthz(front, trusting(other))
        with pytest.raises(aiohttp.ClientError):
            await healthz(front, trusting(server))

    assert (first.status, between, second.status, renewed) == (200, 200, 200, 200)


async def test_who_watches_over_relay_sees_an_end_that_is_near(server: Certificate, directory: Path) -> None:
    lasting = make_certificate(directory / "lasting", days=90)

    assert Certificates({"server": tls(lasting), "server.admin": None}, time.time).notices() == {}
    notices = Certificates({"server": tls(server), "server.admin": tls(lasting)}, time.time).notices()
    assert notices.keys() == {"certificate:server"}


async def test_who_does_not_read_the_end_of_tls_does_not_hold_up_a_stop(server: Certificate) -> None:
    async with served(tls(server)) as (front, _):
        reader, writer = await asyncio.open_connection(*front.runner.addresses[0][:2], ssl=trusting(server))
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: relay\r\n\r\n")
        await read_reply(reader)
        writer.transport.pause_reading()  # type: ignore[attr-defined]

        await asyncio.wait_for(front.runner.cleanup(3600), patience())
        writer.transport.abort()


async def test_a_handshake_that_does_not_come_is_given_up(server: Certificate) -> None:
    async with served(tls(server), guard=Guard(header_timeout=0.2)) as (front, _):
        reader, writer = await asyncio.open_connection(*front.runner.addresses[0][:2])

        assert await asyncio.wait_for(reader.read(), patience()) == b""
        writer.close()


async def test_who_only_connects_keeps_nobody_out(server: Certificate) -> None:
    async with served(tls(server)) as (front, _):
        place = front.runner.addresses[0][:2]
        idle = [await asyncio.open_connection(*place) for _ in range(MAX_HANDSHAKES + 3)]

        status = await healthz(front, trusting(server))
        ends = [await asyncio.wait_for(reader.read(), patience()) for reader, _ in idle[:3]]
        for _, writer in idle:
            writer.close()

    assert status == 200
    assert ends == [b""] * 3
