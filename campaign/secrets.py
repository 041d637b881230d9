"""Every secret of the configuration, looked for in everything that the run brought forth."""

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path

from campaign.outputs import Outputs
from campaign.report import Report
from campaign.target import Target
from tests.support.commands import relay

# What shows, checks or repeats the configuration, on a relay that works.
COMMANDS = (
    ("check", "--live"), ("test-send", "english"), ("explain", "tests/data/event.json"), ("check",), ("health",),
    ("audit",), ("dead", "list"), ("suppressed", "list"), ("digest", "list"), ("template", "lint"),
    ("test-send", "team"),
)  # fmt: skip
FEWEST = 3  # commands and faults, however small the campaign is
PAGES = ("/", "/readyz?verbose", "/metrics", "/openapi.json", "/healthz")
NOWHERE = "no secret is in any output"
LEAKY = (r'"(secrets|current)":', r'"token":', r'"password":', r'"signing_secret":', r'"app_token":', r'"url":')


async def secrets(target: Target, count: int, _seed: int) -> Report:
    report = Report("secrets")
    for arguments in COMMANDS[: max(FEWEST, count)]:
        await target.command(*arguments)
    for page in PAGES:
        target.outputs.add(f"GET {page}", (await target.get(page, admin=True))[1])
    await _broken_configurations(target, report, count)
    _others(target)
    await asyncio.to_thread(search, report, target)
    return report


def search(report: Report, target: Target) -> None:
    """All outputs so far, and the files that still grow: the log, and what Redis has written."""
    target.outputs.files["Redis"] = [*stored(target.redis.directory)]
    report.promise("Redis has written something", bool(target.outputs.files["Redis"]))
    look(report, target.outputs, target)


def look(report: Report, outputs: Outputs, target: Target) -> None:
    for kind, output in outputs.pieces():
        report.counts["outputs"] += 1
        report.counts[f"bytes of {kind}"] += len(output)
        found = [*target.canaries.within(output)]
        report.promise(NOWHERE, not found, f"{kind}: {found[:1]}")


def stored(directory: Path) -> Iterator[Path]:
    """The files with all that was ever written to Redis, in clear."""
    yield from (path for path in directory.rglob("*.aof"))


async def _broken_configurations(target: Target, report: Report, count: int) -> None:
    """One thing wrong beside each secret: what `check` and `serve` say must not repeat the line."""
    path, refused = target.config.with_name("broken.yaml"), 0
    texts = [*broken(target.configured.text)]
    for text in target.while_in_time(texts[:: max(1, len(texts) // max(FEWEST, count))]):
        path.write_text(text)
        done = await relay("check", "-c", path, env=target.configured.env)
        target.outputs.add("errors of a broken configuration", done.out + done.err)
        report.counts["broken configurations"] += 1
        if done.status == 1:
            refused += 1
            done = await relay("serve", "-c", path, "--log-format", "json", env=target.configured.env)
            target.outputs.add("errors of a broken configuration", done.out + done.err)
    report.promise(
        "most faults of a configuration are found", refused > report.counts["broken configurations"] / 2, refused
    )
    short = {name: value[:12] for name, value in target.configured.env.items() if name != "CAMPAIGN_REDIS"}
    done = await relay("check", "-c", target.config, env={**target.configured.env, **short})
    target.outputs.add("errors of a broken configuration", done.out + done.err)


def broken(text: str) -> Iterator[str]:
    """The file with one fault in it at a time."""
    lines = text.splitlines()
    places = [number for number, line in enumerate(lines) if any(re.search(mark, line) for mark in LEAKY)]
    faults = (
        lambda line: re.sub(r'": "?([^"{,]+)"?(,?)$', r'": ["\1"]\2', line),  # a list
        lambda line: re.sub(r'": "([^"]+)"(,?)$', r'": {"x": "\1"}\2', line),  # a table
        lambda line: re.sub(r'": "([^"]+)"(,?)$', r'": "\1\2', line),  # a quote that does not close
        lambda line: re.sub(r'"(\w+)": "([^"]+)"(,?)$', r'"\1s": "\2"\3', line),  # an unknown key
        lambda line: re.sub(r'": "([^"]+)"(,?)$', r'": "changeme \1"\2', line),  # white space, a placeholder
        lambda line: "\t" + line + "\t: &x *y",
    )
    for place in places:
        for fault in faults:
            changed = fault(lines[place])
            if changed != lines[place]:
                yield "\n".join([*lines[:place], changed, *lines[place + 1 :]])


def _others(target: Target) -> None:
    """Add what came to the other sides: the contents, not the credentials that belong there."""
    for call in target.slack.calls:
        target.outputs.add("Slack", json.dumps(call.arguments))
    for mail in target.inbox.mails:
        target.outputs.add("mails", mail.raw + mail.html.encode() + mail.text.encode() + mail.subject.encode())
