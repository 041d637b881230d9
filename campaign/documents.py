"""Hostile documents through the running relay: sent, delivered, listed and counted; and many more rendered here."""

import asyncio
import json
import uuid
from random import Random

from campaign.active import in_html, in_log, in_mail, in_metrics, in_slack, in_text
from campaign.payloads import payload, poisoned
from campaign.renders import HOSTS, INERT_MAIL, INERT_SLACK, render
from campaign.report import Report
from campaign.seeds import documents, signed
from campaign.target import HOSTILE_TENANT, Target
from campaign.wire import answered
from tests.support.patience import patience

FULL = 11_000  # in all; relay refuses some
SENT = 120  # documents that are sent, at most; most have four messages
SHOWN = 6  # operations that are looked at, at most
PLAIN = "no command sends a terminal controls or disguises"
LINES = "each line of the log is one JSON object"
LABELS = "no label or row of /metrics is a sender's"
TAKEN = "most hostile documents are taken, so that there is something to look at"


async def run(target: Target, count: int, seed: int) -> Report:
    report = Report("hostile documents")
    operations = await _send(target, report, min(SENT, max(8, count // 20)), seed)
    await target.around.settled()
    _delivered(target, report)
    for arguments in (
        ("dead", "list"),
        ("audit",),
        *(("explain", "--", operation) for operation in operations[:SHOWN]),
    ):
        output = await target.command(*arguments)
        leaks = [*in_text(output)]
        report.promise(PLAIN, not leaks and bool(output), f"relay {' '.join(arguments)}: {leaks[:4]} {output[:200]!r}")
    log = "".join(f"{line}\n" for line in target.relay.raw)
    report.promise(LINES, not (leaks := [*in_log(log.encode())]), leaks[:3])
    _, exposition = await target.get("/metrics", admin=True)
    report.promise(LABELS, not (leaks := [*in_metrics(exposition)]), leaks[:3])
    status, page = await target.get("/unsubscribe/%3Cscript%3Ealert(1)%3C%2Fscript%3E")
    leaks = [*in_html(page, HOSTS)]
    report.promise("the page to unsubscribe repeats nothing that is active", status == 404 and not leaks, leaks)
    told = report.counts["mails"] + report.counts["Slack messages"]
    await asyncio.to_thread(render, report, target.while_in_time(range(max(0, count - told))), seed)
    return report


async def _send(target: Target, report: Report, count: int, seed: int) -> list[str]:
    """Send documents of new operations, and return the ids of these."""
    requests, operations, bodies = [], [], documents()
    for number in range(count):
        dice = Random(f"{seed} sent {number}")
        body = bodies[dice.choice((*bodies,))]
        harmless = {"timestamp": body["timestamp"], "tenantId": HOSTILE_TENANT, "event": body["event"]}
        changed = poisoned(dice, body) | harmless
        operation = f"op-{uuid.uuid4()}{payload(dice)[:40] if dice.random() < 0.2 else ''}"
        for part, key in (("operation", "operationId"), ("batch", "batchId")):
            if isinstance(changed.get(part), dict):
                changed[part][key] = operation
                operations.append(operation)
        source = dice.choice(("hmac", "github", "standard"))
        requests.append(signed(target.sources, source, json.dumps(changed).encode(), f"hostile-{seed}-{number}"))
    statuses = await answered(target.address, requests, patience())
    accepted = sum(status in (200, 202) for status in statuses)
    report.counts |= {"documents sent": len(statuses), "of these taken": accepted}
    report.promise(TAKEN, accepted > count / 2, statuses)
    return operations


def _delivered(target: Target, report: Report) -> None:
    """Judge what came to Slack, each state of a message, and to the inbox."""
    for call in target.around.slack.calls:
        if call.method.startswith("chat."):
            report.counts["Slack messages"] += 1
            shown = {key: call.arguments[key] for key in ("text", "blocks", "attachments") if key in call.arguments}
            leaks = [*in_slack(shown, HOSTS)]
            report.promise(INERT_SLACK, not leaks, f"{leaks[:3]} {call.method}")
    violations = target.around.slack.violations
    report.promise("Slack takes every message as it is", not violations, violations[:3])
    for mail in target.around.inbox.mails:
        report.counts["mails"] += 1
        leaks = [*in_mail(mail.raw, HOSTS)]
        report.promise(INERT_MAIL, not leaks, f"{leaks[:3]} {mail.subject!r:.80}")
    report.promise("somebody is told", bool(report.counts["mails"] and report.counts["Slack messages"]), report.counts)
