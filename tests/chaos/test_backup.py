"""A backup taken under load by the command, and restored elsewhere by the other one, after the machine is gone."""

import itertools
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from relay.store import Store
from relay.store.embedded.server import running_url
from relay.store.queries.admin import Admin
from relay_sandbox.standins.inbox import Inbox
from relay_sandbox.standins.slack import SlackStandin
from tests.chaos.load import Load, event_of
from tests.support.commands import relay
from tests.support.embedded import filled
from tests.support.ports import own_host
from tests.support.running import RunningRelay
from tests.support.stage import CONFIG, SECRET, TOKEN, post
from tests.support.waiting import until

pytestmark = pytest.mark.slow

DESTINATIONS = {"english@example.com": "english", "german@example.com": "german"}
STAGED = {"STAGE_SECRET": SECRET, "STAGE_TOKEN": TOKEN, "STAGE_SLACK": "http://127.0.0.1:9", "STAGE_SMTP": "9"}


@asynccontextmanager
async def admin_of(data_dir: Path) -> AsyncIterator[Admin]:
    url = await running_url(data_dir)
    assert url
    store = Store.open(url, process="test", may_own=False)
    yield Admin(store)
    await store.aclose()


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


async def nothing_pending(admin: Admin) -> bool:
    return not (await admin.ledger()).counts.get("pending", 0)


async def test_a_backup_under_load_loses_nothing_and_doubles_only_what_came_after_it(home: Path) -> None:
    async with SlackStandin() as slack, Inbox() as inbox:
        env = {"STAGE_SECRET": SECRET, "STAGE_TOKEN": TOKEN, "STAGE_SLACK": slack.base_url, "RELAY_HOST": own_host(),
               "STAGE_SMTP": str(inbox.smtp_port)}  # fmt: skip
        old, new = (env | {"STAGE_DATA": str(home / name)} for name in ("old", "new"))
        async with RunningRelay(CONFIG, old) as running:
            load = Load(running)
            async with load.sending():
                await load.more(60)
                answered = [*load.acknowledged]
                delivered = [line for line in running.lines if line.get("outcome") == "delivered"]
                settled = {(line["subject"], line["destination"]) for line in delivered}
                saved = await relay("backup", home / "relay.backup", "-c", CONFIG, env=old)
                await load.more(20)
            await running.kill()  # the machine is gone, with what it was sending

        restored = await relay("restore", home / "relay.backup", "-c", CONFIG, "--json", env=new)
        async with RunningRelay(CONFIG, new) as running, admin_of(home / "new") as admin:
            again = [(await post(running.url, event_of(operation))).status for operation in answered]
            await until(lambda: nothing_pending(admin))
            ledger = await admin.ledger()

    assert (saved.status, restored.status) == (0, 0), saved.err + restored.err
    assert restored.facts["accepted"] >= 2 * len(answered)
    assert ledger.imbalance == restored.facts["imbalance"] == 0
    assert set(again) == {200}, "what was answered before the backup is known after it"
    mails = Counter((operation, DESTINATIONS[mail.recipient]) for mail in inbox.mails
                    for operation in [re.findall(r"op-\d+", mail.subject)[0]])  # fmt: skip
    assert [told for told in itertools.product(answered, DESTINATIONS.values()) if not mails[told]] == []
    assert settled
    assert [told for told in settled if mails[told] != 1] == []
    assert max(mails.values()) <= 2


async def test_a_relay_with_a_redis_of_yours_is_told_where_to_look(tmp_path: Path) -> None:
    env = {**STAGED, "RELAY_REDIS_URL": "redis://127.0.0.1:9/0"}
    made = [await relay("backup", tmp_path / "x", "-c", CONFIG, env=env),
            await relay("restore", CONFIG, "-c", CONFIG, env=env)]  # fmt: skip

    assert [(done.status, "docs/backup.md" in done.err) for done in made] == [(1, True)] * 2
    assert names(tmp_path) == []


async def test_a_backup_replaces_no_file_and_goes_through_a_pipe(home: Path) -> None:
    env = {**STAGED, "STAGE_DATA": str(home / "data")}
    await filled(home / "data")
    (home / "there").write_text("an older one", "utf-8")

    refused = await relay("backup", home / "there", "-c", CONFIG, env=env)
    missing = await relay("backup", home / "no-folder" / "x", "-c", CONFIG, env=env)
    done = await relay("backup", home / "new", "-c", CONFIG, env=env)
    twice = await relay("restore", home / "new", "-c", CONFIG, env=env)
    damaged = await relay("restore", home / "there", "-c", CONFIG, env=env | {"STAGE_DATA": str(home / "b")})

    assert (refused.status, "is there already" in refused.err) == (1, True)
    assert (missing.status, "No such file" in missing.err) == (1, True)
    assert (done.status, (home / "new").stat().st_mode & 0o777) == (0, 0o600)
    assert (twice.status, "has data already" in twice.err) == (1, True)
    assert (damaged.status, "there was not restored: it is damaged" in damaged.err) == (1, True)
    assert names(home) == ["b", "data", "new", "there"]
    assert "Traceback" not in refused.err + missing.err + twice.err + damaged.err
