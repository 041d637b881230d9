"""Whole lives of foreign senders' runs, by HTTP, as people hear of them."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest
from prometheus_client import REGISTRY

from relay.channels import CHANNELS
from relay.config import parse_config
from relay.ingest import Ingest
from relay.operating.sweeps import Swept, replay_quarantined, take
from relay.store.bodies import Bodies
from tests.support import foreign
from tests.support.every_case import every_case
from tests.support.foreign import (
    alert,
    alerts,
    build,
    cloudwatch,
    dbt_run,
    jenkins,
    pipeline,
    uptime,
    workflow_job,
    workflow_run,
)
from tests.support.foreign_stage import CONFIG, mailed, post, sent, told
from tests.support.redis_server import RedisServer
from tests.support.sender import Sender
from tests.support.stage import SECRET, Stage, running, surroundings
from tests.support.waiting import until


@pytest.fixture
async def here(redis_server: RedisServer) -> AsyncIterator[Stage]:
    async with surroundings(redis_server.url) as around, running(around, CONFIG, period=0.5) as relay:
        yield Stage(around, relay)


@pytest.mark.parametrize("late", ["no", "yes", "crossing"])
async def test_a_matrix_of_forty_jobs_in_any_order_is_one_message_with_its_cause(here: Stage, late: str) -> None:
    jobs = [
        workflow_job(f"test ({number})", state, "success" if state == "completed" else None)
        for number in range(40)
        for state in ("in_progress", "completed")
    ]
    Random(7).shuffle(jobs)
    broken, other = (workflow_job(f"test ({number})", conclusion="failure") for number in (40, 41))
    owner = {"triggering_actor": {"login": "ada"}}
    run, end = workflow_run("in_progress", None), workflow_run("completed", "failure", **owner)
    await sent(here, "github", *jobs[:9])  # before the run is known
    await here.around.settled()
    (begun,) = told(here)
    await sent(here, "github", run, *jobs[9:], *([broken, other, end] if late == "no" else []))
    await asyncio.gather(*(sent(here, "github", it) for it in {"yes": [end], "crossing": [end, broken]}.get(late, ())))
    await here.around.settled()
    ended = told(here)
    await sent(here, "github", *([broken, other] if late != "no" else []), *jobs[:3])
    await here.around.settled()
    failed = told(here)
    await sent(here, "github", workflow_run("queued", None, attempt=2), workflow_job("test (40)", attempt=2),
               workflow_run(attempt=2))  # fmt: skip
    await here.around.settled()
    root, *replies = told(here)

    cause = "Failed: Nightly checks – test (40) failed – step failed: Run pytest. After 9 min 30 s."
    assert begun[1].startswith("Running: Nightly checks")
    assert ended[0][1] == ("Failed: Nightly checks – After 9 min 30 s." if late == "yes" else cause)
    assert failed == [(False, cause), ended[1]]
    assert root == (False, "Completed: Nightly checks – 9 min 30 s. Works again after 1 failure.")
    assert [reply for reply, _ in replies] == [True, True]
    shown, told_so = (str(message) for message in here.around.slack.messages("#team")[:2])
    assert "dead.example.com" not in f"{shown}{told_so}{here.around.inbox.mails[0].message}"  # of other sources
    assert "https://github.com/acme/shop/actions/runs/7700000001/attempts/2" in shown
    assert "<@U0ADA4711>" in told_so  # the owner, by `people`
    assert sorted(mail.recipient for mail in here.around.inbox.mails) == ["ada@example.com", "leads@example.com"]


async def test_a_job_that_is_queued_begins_its_run_and_one_that_waits_for_approval_is_shown(here: Stage) -> None:
    seen = []
    for name, state in (("build", "queued"), ("build", "in_progress"), ("build", "completed"), ("deploy", "waiting"),
                        ("build", "queued"), ("docs", "completed"), ("deploy", "queued")):  # fmt: skip
        report = workflow_job(name, state, "success" if state == "completed" else None)
        report["workflow_job"]["completed_at"] = {"build": ago(1), "docs": ago(-1), "deploy": None}[name]
        await sent(here, "github", report)
        await here.around.settled()
        ((_, text),) = told(here)
        seen.append(text)
    await sent(here, "github", workflow_run())
    await here.around.settled()
    ended = told(here)[0][1]
    skipped = [workflow_run(conclusion="skipped", id=9), workflow_job("build", "queued", None)]
    skipped[1]["workflow_job"]["run_id"] = 9
    for report in skipped:
        assert (await post(here, "github", report)).document["status"] == "ignored"

    waits = "Running: Nightly checks – deploy waits for approval."
    assert seen[0] == "Started: Nightly checks"
    assert seen[3:7] == [waits] * 4
    assert ended == "Completed: Nightly checks – 9 min 30 s."
    assert "<@" not in str(here.around.slack.messages("#team"))
    assert not here.around.inbox.mails


async def test_a_skipped_run_ends_quietly_if_it_is_known_and_is_ignored_otherwise(here: Stage) -> None:
    unheard = await post(here, "github", workflow_run(conclusion="skipped", id=8))
    await sent(here, "github", workflow_run("requested", None))
    await here.around.settled()
    begun = told(here)
    await sent(here, "github", workflow_run(conclusion="skipped"), workflow_run(conclusion="skipped"))
    await here.around.settled()
    again = await post(here, "github", workflow_run(conclusion="skipped", attempt=2))

    assert [reply.document["status"] for reply in (unheard, again)] == ["ignored", "ignored"]
    assert [text for _, text in begun] == ["Started: Nightly checks"]
    assert told(here) == [(False, "Cancelled: Nightly checks – After 9 min 30 s.")]
    assert not here.around.inbox.mails


async def test_each_branch_breaks_and_is_mended_by_itself_and_rules_choose_by_labels(here: Stage) -> None:
    """Three runs each on main and of a pull request: failed, failed, completed."""

    def run(number: int, conclusion: str | None, branch: str, event: str) -> dict[str, Any]:
        times = {"run_started_at": f"2026-11-21T0{number}:00:00Z", "updated_at": f"2026-11-21T0{number}:09:00Z"}
        id_, status = number + 100 * (branch == "main"), "completed" if conclusion else "queued"
        url = f"https://github.com/acme/shop/actions/runs/{branch}-{number}"
        return workflow_run(status, conclusion, id=id_, head_branch=branch, event=event, html_url=url, **times)

    for number, conclusion in enumerate(("failure", "failure", "success"), start=1):
        for branch, event in (("main", "push"), ("fix-limit", "pull_request")):
            begun, ended = (run(number, state, branch, event) for state in (None, conclusion))
            job = workflow_job(f"lint {branch} {number}")
            job["workflow_job"] |= {"run_id": begun["workflow_run"]["id"], "head_branch": None}
            await sent(here, "github", begun, job)
            await here.around.settled()
            running = [text for _, text in told(here, "#main") if text.startswith("Running")]
            assert len(running) == (branch == "main")  # begun by the job, whose document states none
            await sent(here, "github", ended, ended)
            await here.around.settled()

    changes = [str(message.blocks) for message in here.around.slack.messages("#changes")]
    linked = [re.search(r"/runs/([\w-]+)", blocks) for blocks in changes]
    assert [match and match[1] for match in linked] == ["main-1", "fix-limit-1", "main-3", "fix-limit-3"]
    assert [branch in blocks for blocks in changes for branch in ("· main", "· fix-limit")] == [
        True,
        False,
        False,
        True,
    ] * 2
    assert [text for _, text in told(here, "#changes")] == [
        "Failed: Nightly checks – After 9 min.", "Failed: Nightly checks – After 9 min.",
        "Completed: Nightly checks – 9 min. Works again after 2 failures.",
        "Completed: Nightly checks – 9 min. Works again after 2 failures.",
    ]  # fmt: skip
    assert [text for reply, text in told(here, "#main") if not reply] == [
        "Failed: Nightly checks – After 9 min.", "Failed: Nightly checks – After 9 min.",
        "Completed: Nightly checks – 9 min. Works again after 2 failures.",
    ]  # fmt: skip


@pytest.mark.parametrize("heard", [True, False])
async def test_a_pipeline_that_is_retried_goes_on_as_its_next_attempt(here: Stage, heard: bool) -> None:
    first = build("unit", "failed", failure_reason="script_failure", started_at="2026-11-21 10:01:00 UTC")
    again = build("unit", "running", started_at="2026-11-21 11:00:05 UTC")
    ended, later = {"finished_at": "2026-11-21 10:09:00 UTC"}, {"finished_at": "2026-11-21 11:04:00 UTC"}
    failed = pipeline("failed", [first], **ended)
    await sent(here, "gitlab", pipeline("running", [first | {"status": "running"}]), failed)
    await here.around.settled()
    await sent(here, "gitlab", pipeline("running", [first | {"status": "running"}]), failed)  # both came late, or twice
    await here.around.settled()
    broken = told(here)
    await sent(here, "gitlab", *([pipeline("running", [again], **ended)] if heard else []))
    await here.around.settled()
    running = told(here)[0][1]
    await sent(here, "gitlab", pipeline("failed", [again | {"status": "failed"}], **later), failed)
    await here.around.settled()

    assert [reply for reply, _ in broken] == [False, True]
    assert running.startswith("Running" if heard else "Failed")
    assert [reply for reply, _ in told(here)] == [False, True, True]
    assert "ttempt 2" in str(here.around.slack.messages("#team")[0].blocks)
    assert "https://gitlab.example.com/acme/shop/-/pipelines/31" in str(here.around.slack.messages("#team")[0].blocks)
    assert "U0MARA0815" not in str(here.around.slack.messages("#team"))  # by a token alone nobody is called
    assert [mail.recipient for mail in here.around.inbox.mails] == ["leads@example.com"] * 2


async def test_both_events_about_the_end_of_a_run_are_one_outcome(here: Stage) -> None:
    failed = {"runStatusMessage": "Database Error in model orders"}
    await sent(here, "dbt", dbt_run("job.run.started", "Running"), dbt_run("job.run.errored", "Errored", **failed),
               dbt_run("job.run.completed", "Errored", **failed))  # fmt: skip
    await here.around.settled()
    by_dbt = told(here)
    await sent(here, "jenkins", jenkins("STARTED"), jenkins("COMPLETED", "FAILURE"), jenkins("FINALIZED", "FAILURE"))
    await here.around.settled()

    assert [reply for reply, _ in by_dbt] == [False, True]
    assert "Database Error in model orders" in by_dbt[1][1]
    assert [reply for reply, _ in told(here)] == [False, True, False, True]
    assert len(here.around.inbox.mails) == 2


async def test_what_is_about_no_run_is_answered_and_forgotten_and_what_cannot_be_read_is_kept(here: Stage) -> None:
    ignored = await post(here, "github", foreign.PING)
    before = REGISTRY.get_sample_value("relay_format_unknown_total", {"source": "github"}) or 0.0
    unknown = [await post(here, "github", workflow_run("completed", "melted")) for _ in range(2)][1]
    forged = await Sender(f"{here.url}/webhooks/github", secret="another-secret-of-somebody", scheme="github").post(
        foreign.PING
    )
    await post(here, "gitlab", {"object_kind": "note"})
    (mail,) = await here.around.mails(1)
    await here.around.settled()
    bodies = Bodies(here.around.store.plain)

    async def written() -> bool:
        return len(await bodies.last("github")) == 3

    await until(written)
    assert [json.loads(kept.body) for kept in await bodies.last("github")][2] == foreign.PING
    assert await bodies.last("gitlab") == []  # which may hold secrets
    assert ' github: "melted" is a status that the format does not know ' in mail.subject
    assert REGISTRY.get_sample_value("relay_format_unknown_total", {"source": "github"}) == before + 2
    assert REGISTRY.get_sample_value("relay_events_total", {"source": "github", "outcome": "ignored"})
    assert (ignored.status, ignored.document) == (202, {"status": "ignored", "reason": "GitHub's ping"})
    assert (unknown.status, unknown.document["field"]) == (422, "status")
    assert 'no row has the word "melted"' in unknown.document["detail"]
    assert forged.status == 401
    assert await here.around.store.bodies.size() == 1
    assert told(here) == []


async def test_what_a_mended_format_reads_is_replayed_with_its_headers_and_what_it_ignores_is_gone(
    here: Stage,
) -> None:
    run = {"kind": "headed", "batch": {"no": 5, "title": "By header"}, "state": "HALF"}
    sender = Sender(f"{here.url}/webhooks/billing", secret=SECRET, clock=time.time)
    kept = [await sender.post(run | {"state": state}, headers=[("X-Kind", "run")]) for state in ("HALF", "NOISE")]
    kept.append(await sender.post({"kind": "run", "batch": {"no": 6}, "state": "HALF"}))
    mended = CONFIG.read_text("utf-8").replace("Running: [RUN, HOLD]", "Running: [RUN, HOLD, HALF], ignore: NOISE")
    mended = mended.replace("kind: [run, run-progress]", "kind: job")  # a slip
    config = parse_config(mended, env=here.around.env, channels=CHANNELS)
    await here.around.store.prepare()  # as another process, which appends to the owner's inbox
    ingest = Ingest(here.around.store, lambda: config, CHANNELS).ingest
    replay = replay_quarantined(here.around.store.bodies, lambda entry: take(entry, config, ingest, time.time()))
    swept = Swept()
    await replay([reply.document["quarantine"] for reply in kept], swept)
    await until(lambda: told(here))  # the owner has taken it from its inbox
    await here.around.settled()

    assert [reply.status for reply in kept] == [422] * 3
    assert (swept.done, swept.stay) == (2, {"is still refused: ignored: no case of the format is about it": 1})
    assert [text for _, text in told(here)] == ["Running: By header"]
    assert await here.around.store.bodies.size() == 1


async def test_runs_of_two_senders_with_one_id_are_two(here: Stage) -> None:
    await sent(here, "gitlab", pipeline("running", [], id=90210), pipeline("success", [], id=90210))
    await sent(here, "dbt", dbt_run("job.run.started", "Running"))
    await here.around.settled()

    assert sorted(reply for reply, _ in told(here)) == [False, False, True]


def ago(minutes: int) -> str:
    return datetime.fromtimestamp(time.time() - 60 * minutes, UTC).isoformat(timespec="seconds")


async def test_alerts_of_one_body_are_told_apart_when_they_fire_are_resolved_and_fire_again(here: Stage) -> None:
    times = {"started": ago(12), "ended": ago(0)}
    one, two = ({"instance": f"db-{number}:9100", **times} for number in (1, 2))
    firing = [alert("InstanceDown", **labels) for labels in (one, two)]
    resolved = alert("InstanceDown", "resolved", **one)
    await sent(here, "alerts", alerts(*firing), alerts(*firing))
    await here.around.settled()
    began, mails = sorted(told(here)), mailed(here, "oncall@example.com")
    reply = await post(here, "alerts", alerts(resolved, firing[1]))
    await here.around.settled()
    ended = mailed(here, "oncall@example.com")
    again = alert("InstanceDown", **one | {"started": ago(0)})
    await sent(here, "alerts", alerts(resolved), alerts(firing[0]), alerts(again), alerts(firing[0]))
    await here.around.settled()

    down = "InstanceDown (db-{0}:9100) – db-{0}:9100 does not answer"
    assert began == [(False, f"CRITICAL: {down.format(number)}.") for number in (1, 2)]
    assert mails == [f"✕ KRITISCH: {down.format(number)}" for number in (1, 2)]
    assert [row["status"] for row in reply.document["events"]] == ["accepted", "duplicate"]
    assert ended == ["✓ Behoben: InstanceDown (db-1:9100) – 12 min"]
    assert mailed(here, "oncall@example.com") == [f"✕ KRITISCH: {down.format(1)}"]
    assert sorted(told(here)) == sorted(
        [*began, *((reply, "Resolved: InstanceDown (db-1:9100) – 12 min.") for reply in (False, True))]
    )
    shown = str([message.blocks for message in here.around.slack.messages("#team")])
    assert "❌ *InstanceDown (db-2:9100)* is firing: db-2:9100 does not answer" in shown
    assert "✅ *InstanceDown (db-1:9100)* is resolved." in shown
    assert "failed" not in shown.lower()


# In which order the reports of a state come, by the minutes of their dates, and of which failures people hear.
# Between two failures without a success they are one: senders repeat.
ORDERS = {
    "in turn": ([1, 2, 3], 2, "Failed"),
    "the first two overtaken by each other": ([2, 1, 3], 1, "Failed"),
    "the success last": ([1, 3, 2], 1, "Failed"),
    "the first failure last": ([2, 3, 1], 1, "Failed"),
    "the success second": ([3, 2, 1], 1, "Failed"),
    "backwards but for the success": ([3, 1, 2], 1, "Failed"),
    "and it goes on": ([1, 2, 3, 4, 5, 7, 6, 8], 3, "Completed"),
}


async def test_a_sender_that_states_one_time_alone_fails_again_after_a_success(here: Stage) -> None:
    words = {"Failed": "Firing", "Completed": "Resolved"}
    with every_case() as case:
        for source, make in {"cloudwatch": cloudwatch, "uptime": uptime}.items():
            for order, (minutes, failures, end) in ORDERS.items():
                name = f"{source} {order}"
                reports = [make(name, minute, "ALARM" if minute % 2 else "OK") for minute in minutes]
                for report in reports:
                    await sent(here, source, report)
                    await here.around.settled()
                subjects = [f"{mail.message['subject']}" for mail in here.around.inbox.mails]
                shown = [row for row in told(here) if name in row[1]]
                await sent(here, source, *reports, *reports)
                await here.around.settled()
                with case(name):
                    assert len([subject for subject in subjects if name in subject]) == failures, shown
                    (root,) = [text for reply, text in shown if not reply]
                    assert root.startswith(words[end] if source == "uptime" else end)
                    assert [row for row in told(here) if name in row[1]] == shown
