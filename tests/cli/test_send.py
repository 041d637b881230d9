"""relay send: an event that the running relay signs and sends to itself, and what it was answered."""

import json
import re
import time
from datetime import UTC, datetime
from pathlib import Path

from relay.domain.parsing import parse
from relay.operating.test_message import moved
from relay.store.queries.reachability import OperatorPauses
from tests.cli.asking import Commands
from tests.cli.serving import change
from tests.support.events import body
from tests.support.silences import added, silence
from tests.support.stage import Surroundings, running

ROOT = Path(__file__).parents[2]


async def test_it_is_signed_and_taken_and_where_it_is_told_is_said(cli: Commands, tmp_path: Path) -> None:
    event = tmp_path / "event.json"
    document = body("operation.failed", 40, status="Failed") | {"tenantId": "mail"}
    event.write_bytes(json.dumps(document | {"timestamp": "2024-01-20T12:00:00Z"}).encode() + b"\n \n")
    pauses = OperatorPauses(cli.store)
    await pauses.pause("english", "a move", "ana", seconds=600)
    first, again = await cli("send", event, RELAY_ACTOR="jana@here"), await cli.facts("send", event)
    await pauses.resume("english")
    mails, acts = await cli.around.mails(2), await cli.acts()

    assert first.exit_code == 0
    assert first.output.startswith('202 Accepted\n{"status":"accepted"')
    assert "english email, each: english@example.com\n    because of mails\n    paused by ana until " in first.output
    assert again["answer"]["status"] == "duplicate"
    assert {mail.recipient for mail in mails} == {"english@example.com", "german@example.com"}
    assert acts[0].actor == "jana@here"
    assert [(act.action, act.subject, act.outcome) for act in acts] == [
        ("send", "async-operations", "202"), ("send", "async-operations", "200"),
    ]  # fmt: skip

    event.write_text('{"event": "operation.failed"}')
    refused = await cli("send", event, "--now")
    assert (refused.exit_code, "422 Unprocessable" in refused.output) == (1, True)


async def test_a_silence_of_a_job_that_a_template_names_is_said(
    around: Surroundings, config: Path, tmp_path: Path
) -> None:
    change(config, "timezone:", 'job: "{operationType} {parameters.dataset}"\ntimezone:')
    event = tmp_path / "event.json"
    stated = {"operationType": "Load", "parameters": {"dataset": "orders"}}
    event.write_text(json.dumps(body("operation.failed", 40, **stated) | {"tenantId": "mail"}))
    async with running(around, config):
        await added(around.store, silence(time.time(), destinations=(), jobs=("Load orders",)))
        sent = await Commands(around, config)("send", event)

    assert sent.output.count("silence s-1 until ") == 2, sent.output


def test_what_the_readme_sends_ends_by_itself() -> None:
    """A run that nobody ends would call people."""
    readme = (ROOT / "README.md").read_text("utf-8")
    files = [(ROOT / name).read_text("utf-8") for name in re.findall(r"relay send (\S+)", readme)]
    written = re.findall(r"-d '(\{.*?\})' 'http|body='(\{.*?\})'", readme, re.DOTALL)
    documents = [*files, *(curl or body for curl, body in written)]

    assert len(documents) == 3
    assert all(parse(json.loads(text), source="x", received_at=datetime.now(UTC)).terminal for text in documents)


async def test_a_foreign_document_is_dated_by_what_its_format_reads_and_sent_with_headers(
    around: Surroundings, config: Path, tmp_path: Path
) -> None:
    mapped = "run: no, job: title, started: t0, ended: t1, at: when, error: text, status: {of: state, Failed: ERR}"
    change(
        config,
        "sources:\n",
        f"""formats:
  billing: {{when: {{$header.X-Kind: run}}, {mapped}}}
sources:
  billing: {{format: billing, signature: {{secrets: {{current: "${{STAGE_SECRET}}"}}}}}}
""",
    )
    event = tmp_path / "run.json"
    document = {"no": 1764370800, "title": "Invoices", "state": "ERR", "t0": 1764370800, "t1": "1764371400000",
                "when": "2025-11-28 23:10:00 UTC", "text": "disk full"}  # fmt: skip
    event.write_text(json.dumps(document | {"no": "31"}))
    async with running(around, config):
        cli = Commands(around, config)
        old = await cli("send", event, "--source", "billing", "--header", "X-Kind: run")
        ignored = await cli("send", event, "--source", "billing", "--now")
        sent = await cli.facts("send", event, "--source", "billing", "--now", "--header", "X-Kind: run")
        run = await cli.facts("explain", "31")

    assert (old.exit_code, "send it with --now" in old.output) == (1, True)
    assert '"status":"ignored"' in ignored.output
    assert sent["answer"]["status"] == "accepted"
    assert sent["explanation"]["event"]["name"] == "Invoices"
    assert abs(datetime.fromisoformat(run["first"]).timestamp() - time.time()) < 60


def test_times_are_moved_each_in_its_own_form_and_what_is_far_from_them_is_none() -> None:
    document = {"no": 1864370801, "n": 7, "t0": 1764370800, "t1": "1764371400000", "due": "2025-11-29 00:00:00 UTC",
                "other": ["2024-11-28T23:00:00Z", "since 2025-11-28", True, None]}  # fmt: skip
    own, now = datetime(2025, 11, 28, 23, 10, tzinfo=UTC), datetime(2026, 12, 3, 12, 0, tzinfo=UTC)

    assert moved(document, now, own) == document | {
        "t0": 1796298600, "t1": "1796299200000", "due": "2026-12-03T12:50:00+00:00",
        "other": ["2025-12-03T11:50:00+00:00", "since 2025-11-28", True, None],
    }  # fmt: skip
    assert moved(document, now, None) == document
