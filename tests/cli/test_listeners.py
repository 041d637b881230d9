"""relay serve with TLS and a listener for operators, as processes."""

import json
import shutil
import signal
import ssl
import time
from pathlib import Path

import aiohttp
import pytest

from relay.receiving.signatures import sign
from tests.cli.serving import change, events, started
from tests.support.certificates import Certificate, make_certificate, trusting
from tests.support.commands import Serving, relay
from tests.support.ports import free_ports
from tests.support.stage import SECRET, Surroundings

pytestmark = pytest.mark.slow


async def post(session: aiohttp.ClientSession, url: str, number: int, tls: ssl.SSLContext) -> int:
    """Signed, as the platform does it."""
    event = json.dumps(started(operationId=f"op-{number}")).encode()
    headers = sign("hmac-sha256", event, SECRET.encode(), message_id="", timestamp=int(time.time()))
    async with session.post(
        f"{url}/webhooks/async-operations", data=event, headers={"Content-Type": "application/json", **headers}, ssl=tls
    ) as response:
        return response.status


async def get(url: str, tls: ssl.SSLContext | None = None, **headers: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(url, ssl=tls or True, headers=headers) as response:
        return response.status, await response.text()


def secured(config: Path, certificate: Certificate, client: Certificate) -> tuple[str, str]:
    """Both listeners with TLS, the operators' for those who show this certificate; and where they are."""
    files = f"certificate: {certificate.authority}, key: {certificate.key}"
    (port,) = free_ports(1)
    admin = f"admin: {{tls: {{{files}, client_ca: {client.authority}}}}}"
    change(config, "port: 0, drain: 0s", f"port: {port}, drain: 0s, tls: {{{files}}}, {admin}")
    return f"https://127.0.0.1:{port}", f"https://127.0.0.1:{port + 1}"


async def test_events_come_over_tls_and_a_renewed_certificate_ends_no_connection(
    around: Surroundings, config: Path, tmp_path: Path
) -> None:
    names = ("first", "second", "client")
    certificate, renewed, client = (make_certificate(tmp_path / name) for name in names)
    first = trusting(certificate)
    world, operators = secured(config, certificate, client)

    async with Serving(config, around.env) as serving, aiohttp.ClientSession() as session:
        statuses = [await post(session, world, number, first) for number in range(3)]
        well = await relay("health", "-c", config, env=around.env)
        metrics = await get(f"{operators}/metrics", trusting(certificate, client))
        with pytest.raises((aiohttp.ClientError, ssl.SSLError)):
            await get(f"{operators}/metrics", first)
        hidden = await get(f"{world}/metrics", first)

        shutil.copy(renewed.authority, certificate.authority)
        shutil.copy(renewed.key, certificate.key)
        serving.send_signal(signal.SIGHUP)
        await serving.wait_until(lambda _: len(events(serving, "certificate.loaded")) == 2)
        statuses.append(await post(session, world, 3, first))  # its connection is open
        afresh = await get(f"{world}/readyz", ssl.create_default_context(cafile=str(renewed.authority)))

    assert statuses == [202] * 4
    assert metrics[0] == 200
    assert 'outcome="accepted",source="async-operations"} 3.0' in metrics[1]
    assert 'relay_tls_certificate_expiry_timestamp_seconds{listener="server.admin"} ' in metrics[1]
    assert hidden[0] == 404
    assert afresh == (200, '{"ready": true}')
    assert (well.status, well.out.splitlines()[0]) == (0, "relay takes events."), well.err
