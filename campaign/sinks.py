"""Hostile documents through the running relay: sent, delivered, refused, listed and counted."""

import asyncio
import json
import uuid
from random import Random

from campaign.active import in_html, in_log, in_mail, in_metrics, in_slack, in_text
from campaign.configuration import HOSTILE_TENANT
from campaign.payloads import payload, poisoned
from campaign.pipelines import answered
from campaign.renders import HOSTS, INERT_MAIL, INERT_SLACK, render
from campaign.report import Report
from campaign.seeds import documents, signed
from campaign.target import Target
from tests.support.patience import patience

FULL = 11_000  # in all; relay refuses some
SENT = 120  # documents that are sent, at most; most have five messages
SHOWN = 6  # operations, dead letters and bodies that are looked at, at most
PLAIN = "no command sends a terminal controls or disguises"
LINES = "each line of the log is one JSON object"
LABELS = "no label or row of /metrics is a sender's"
COMMANDS = (
    ("dead", "list"), ("dead", "list", "--json"), ("suppressed", "list"), ("digest", "preview", "daily"), ("audit",
    ), ("check",),
)  # fmt: skip


async def sinks(target: Target, count: int, seed: int) -> Report:
    report = Report("hostile documents")
    operations = await _send(target, report, min(SENT, max(8, count // 20)), seed)
    await target.command("digest", "send-now", "daily")
    await target.settled()
    _told(target, report)
    await _shown(target, report, operations, max(1, min(SHOWN, count // 50)))
    report.promise(LINES, not (found := [*in_log(target.log.read_bytes())]), found[:3])
    _, exposition = await target.get("/metrics", admin=True)
    target.outputs.add("/metrics", exposition)
    report.promise(LABELS, not (found := [*in_metrics(exposition, ())]), found[:3])
    told = report.counts["mails"] + report.counts["Slack messages"]
    await asyncio.to_thread(render, report, target.while_in_time(range(max(0, count - told))), seed)
    return report


async def _send(target: Target, report: Report, count: int, seed: int) -> list[str]:
    """Documents of new operations; a few of their ids, once they are taken."""
    requests, operations, bodies = [], [], documents()
    for number in range(count):
        dice = Random(f"{seed} sent {number}")
        body = bodies[dice.choice((*bodies,))]
        changed = poisoned(dice, body) | {
            "timestamp": body["timestamp"],
            "tenantId": HOSTILE_TENANT,
            "event": body["event"],
        }
        operation = f"op-{uuid.uuid4()}{payload(dice)[:40] if dice.random() < 0.2 else ''}"
        for part, key in (("operation", "operationId"), ("batch", "batchId")):
            if isinstance(changed.get(part), dict):
                changed[part][key] = operation
                operations.append(operation)
        source = dice.choice(("hmac", "github", "standard"))
        requests.append(signed(target.configured, source, json.dumps(changed).encode(), f"hostile-{seed}-{number}"))
    target.inbox.answer("gone@example.com", *(f"550 5.1.1 {_one_line(seed, number)}" for number in range(count)))
    statuses = await answered(target.address, requests, target.outputs, patience())
    taken = sum(status in (200, 202) for status in statuses)
    report.counts |= {"documents sent": len(statuses), "of these taken": taken}
    report.promise(
        "most hostile documents are taken, so that there is something to look at", taken > count / 2, statuses
    )
    return operations


def _one_line(seed: int, number: int) -> str:
    """Return what a hostile mail server says of an address that it does not know."""
    text = payload(Random(f"{seed} reply {number}"))
    return text.encode("ascii", "replace").decode().replace("\r", "").replace("\n", " ")[:200]


def _told(target: Target, report: Report) -> None:
    """Judge what came to Slack, each state of a message, and to the inbox."""
    for call in target.slack.calls:
        if call.method.startswith("chat."):
            report.counts["Slack messages"] += 1
            target.outputs.add("Slack", json.dumps(call.arguments))
            shown = {key: call.arguments[key] for key in ("text", "blocks", "attachments") if key in call.arguments}
            found = [*in_slack(shown, HOSTS)]
            report.promise(INERT_SLACK, not found, f"{found[:3]} {call.method}")
    report.none_of("Slack takes every message as it is", target.slack.violations)
    for mail in target.inbox.mails:
        report.counts["mails"] += 1
        target.outputs.add("mails", mail.raw)
        target.outputs.add("mails", f"{mail.subject}\n{mail.text}\n{mail.html}")
        found = [*in_mail(mail.raw, HOSTS)]
        report.promise(INERT_MAIL, not found, f"{found[:3]} {mail.subject!r:.80}")
    report.promise("somebody is told", bool(report.counts["mails"] and report.counts["Slack messages"]), report.counts)


async def _shown(target: Target, report: Report, operations: list[str], most: int) -> None:
    """Judge what operators see on their terminals, and a page that a reader opens; `most` of each kind."""
    explained = [("explain", "--", operation) for operation in operations[:most]]
    listed = json.loads((await target.command("dead", "list", "--json")).out)
    letters = [row["id"] for page in listed.values() for row in page["rows"][:most]]
    report.promise("there are dead letters to look at", bool(letters))
    shown = [("dead", "show", letter) for letter in letters]
    for arguments in (*COMMANDS, *explained, *shown):
        output = await target.on_terminal(*arguments)
        report.counts["outputs of commands"] += 1
        found = [*in_text(output)]
        report.promise(PLAIN, not found and bool(output), f"relay {' '.join(arguments)}: {found[:4]} {output[:200]!r}")
    status, page = await target.get("/unsubscribe/%3Cscript%3Ealert(1)%3C%2Fscript%3E")
    found = [*in_html(page, HOSTS)]
    report.promise("the page to unsubscribe repeats nothing that is active", status == 404 and not found, found)
