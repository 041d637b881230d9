"""deploy/relay.service, run by a systemd: relay starts, is reloaded, comes back, is backed up, and stops, as a unit."""

import re
import time
from hashlib import sha256
from pathlib import Path

import pytest

from tests.deploy.systemd import Machine, machine
from tests.support.certificates import make_certificate
from tests.support.commands import ROOT
from tests.support.waiting import until

pytestmark = pytest.mark.soak

DEPLOY = ROOT / "deploy"
UNITS = ("relay.service", "relay-backup.service", "relay-backup.timer")
CONFIG = (ROOT / "config/relay.yaml").read_text("utf-8")
SECRETS = {name: sha256(name.encode()).hexdigest() for name in ("RELAY_WEBHOOK_SECRET", "RELAY_CALLBACK_TOKEN")}
TYPED = {
    page: re.findall(r"^(RELAY_DATA_DIR=/var/lib/relay .*)$", (ROOT / f"docs/{page}.md").read_text("utf-8"), re.M)
    for page in ("hardening", "backup")
}
RELAY = "RELAY_DATA_DIR=/var/lib/relay /opt/relay/bin/relay"
SENDS = f"{RELAY} send /opt/relay/source/tests/data/event.json --now"
HOOK = re.search(r"^(#!/bin/sh -e\n.*?)^```$", (ROOT / "docs/deployment.md").read_text("utf-8"), re.M | re.S)
LIVE = "/etc/letsencrypt/live/relay.example.com"
TLS = "server:\n  tls: {certificate: /var/lib/relay/tls/fullchain.pem, key: /var/lib/relay/tls/privkey.pem}"
STOPS = 35.0  # seconds: TimeoutStopSec, at which systemd would kill it


def installed(there: Machine) -> None:
    """As the heads of the units say."""
    for unit in UNITS:
        there.path(f"/etc/systemd/system/{unit}").write_text((DEPLOY / unit).read_text("utf-8"), "utf-8")
    there.path("/etc/relay/relay.yaml").write_text(CONFIG, "utf-8")
    env = SECRETS | {"SLACK_BOT_TOKEN": "xoxb-2048-4096-abcdef", "SMTP_HOST": "127.0.0.1"}
    secrets = there.path("/etc/relay/relay.env")
    secrets.touch(mode=0o600)
    secrets.write_text("".join(f"{name}={value}\n" for name, value in env.items()), "utf-8")
    there.systemctl("daemon-reload")


def types(there: Machine, command: str) -> str:
    done = there.run("sh", "-c", command)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def logged(there: Machine, event: str) -> int:
    return there.journal("relay").count(f'"event": "{event}"')


async def test_relay_lives_as_its_unit_says() -> None:
    [asks], [backs_up] = TYPED["hardening"], TYPED["backup"]
    async with machine() as there:
        installed(there)
        there.systemctl("enable", "--now", "relay")
        await until(lambda: logged(there, "relay.started"))
        unit = there.shows("relay", "MainPID", "UID")
        users = there.run("stat", "--format=%u", f"/proc/{unit['MainPID']}", "/var/lib/relay/").stdout.split()
        well = types(there, f"{RELAY} health")

        there.systemctl("reload", "relay")
        await until(lambda: logged(there, "config.reloaded"))
        sent = types(there, SENDS)

        there.systemctl("kill", "--signal=KILL", "--kill-whom=main", "relay")
        await until(lambda: logged(there, "relay.started") == 2)
        again = types(there, SENDS)
        types(there, asks)
        restarts = there.shows("relay", "NRestarts")
        types(there, backs_up)
        there.systemctl("enable", "--now", "relay-backup.timer")
        there.systemctl("start", "relay-backup")
        backups = there.run("find", "/var/lib/relay-backups/", "-name", "relay-*.backup", "-perm", "600").stdout.split()

        started = time.monotonic()
        there.systemctl("stop", "relay")
        took = time.monotonic() - started
        ended = there.shows("relay", "Result", "ExecMainStatus", "ActiveState")

    assert users == [unit["UID"]] * 2
    assert unit["UID"] != "0"
    assert "takes events" in well
    assert "202" in sent
    assert "duplicate" in again
    assert restarts == {"NRestarts": "1"}
    assert ended == {"Result": "success", "ExecMainStatus": "0", "ActiveState": "inactive"}
    assert took < STOPS
    assert len(backups) == 1


async def test_a_certificate_that_only_root_reads_is_taken_up_when_it_is_renewed(tmp_path: Path) -> None:
    assert HOOK

    def renewed(there: Machine, name: str) -> None:
        made = make_certificate(tmp_path / name)
        live = there.path(LIVE)
        live.mkdir(parents=True, exist_ok=True)
        for file, source in (("fullchain.pem", made.authority), ("privkey.pem", made.key)):
            (live / file).unlink(missing_ok=True)
            (live / file).touch(mode=0o600)
            (live / file).write_bytes(source.read_bytes())
        there.path("/hook").write_text(HOOK[1], "utf-8")
        there.path("/hook").chmod(0o755)
        types(there, f"RENEWED_LINEAGE={LIVE} exec /hook")

    async with machine() as there:
        installed(there)
        there.systemctl("start", "relay")
        await until(lambda: logged(there, "relay.started"))
        renewed(there, "first")
        there.path("/etc/relay/relay.yaml").write_text(CONFIG + TLS, "utf-8")
        there.systemctl("restart", "relay")
        await until(lambda: logged(there, "relay.started") == 2)

        renewed(there, "second")
        await until(lambda: logged(there, "certificate.loaded") or logged(there, "certificate.refused"))

        assert (logged(there, "certificate.loaded"), logged(there, "certificate.refused")) == (1, 0)
        assert there.shows("relay", "NRestarts") == {"NRestarts": "0"}
