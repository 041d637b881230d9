"""relay digest: what a digest would say now, and sending it before its time."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.table import Table
from rich.text import Text

from relay.background.digests import at_hand
from relay.channels import CHANNELS
from relay.cli.formatting import iso, local, print_json
from relay.cli.groups import Group
from relay.cli.options import config_option, json_option, visible
from relay.cli.screen import show, table
from relay.cli.session import StoreSession, with_store
from relay.coordinator import build_renderer
from relay.errors import RelayError
from relay.operating.digests import digest_named, preview_of
from relay.policy.destinations import Destination, zone_at
from relay.policy.schedules import spoken


@click.group(cls=Group, short_help="Look at digests before they are sent, or send one now.")
def digest() -> None:
    """Digests: what has come in for them, what they would say now, and sending one before its time.

    Works on a running relay, by the same configuration.
    """


destination_argument = click.argument("name", metavar="DESTINATION")


@digest.command("list", short_help="List the digests with what waits in them.")
@config_option
@json_option
def list_(config: Path, *, as_json: bool) -> None:
    """List every digest with its schedule, its next time and what waits in it."""

    async def work(session: StoreSession) -> None:
        rows = []
        for destination in _digests(session):
            for target, window in at_hand(destination, session.config, CHANNELS, session.clock()):
                bundle = await session.store.bundles.describe(target, window)
                rows.append({
                    "destination": destination.name, "address": target.address, "at": f"{destination.at:%H:%M}",
                    "days": spoken(destination.days), "timezone": _zone(session, destination),
                    "next": iso(datetime.fromtimestamp(window.end, UTC)), "entries": bundle.entries,
                })  # fmt: skip
        if as_json:
            print_json({"digests": rows})
        elif rows:
            show(_table(rows))
        else:
            click.echo("No destination has mode: digest.")

    with_store(config, work)


@digest.command(short_help="Show what it would say now.")
@config_option
@json_option
@destination_argument
@click.option("--address", metavar="ADDRESS", help="Of this recipient; else of the first.")
@click.option("--to", "file", type=click.Path(dir_okay=False, writable=True, path_type=Path), metavar="FILE.html",
              help="Write the mail's HTML here.")  # fmt: skip
def preview(config: Path, name: str, address: str | None, file: Path | None, *, as_json: bool) -> None:
    """Show what the digest for DESTINATION would say if it were sent now. Nothing is sent, nothing changes."""

    async def work(session: StoreSession) -> None:
        destination = digest_named(session.config, name)
        renderer = build_renderer(session.config)
        try:
            shown = await preview_of(
                destination,
                address,
                config=session.config,
                channels=CHANNELS,
                store=session.store,
                renderer=renderer,
                now=session.clock(),
            )
        finally:
            await renderer.aclose()
        content = shown.content
        if file:
            if "html" not in content:
                raise RelayError(f"{name} is no mail: without --to its text is shown, with --json all of it")
            file.write_text(content["html"], "utf-8")  # noqa: ASYNC240 - nothing else runs in this command
        if as_json:
            print_json({"destination": name, "address": shown.target.address, "digest": shown.event.document,
                        "content": content, "fault": shown.fault})  # fmt: skip
        else:
            click.echo(visible(_slack(content) if "blocks" in content else content["text"]))
        if shown.fault:
            click.echo(visible(f"a template failed, so this is relay's own wording: {shown.fault}"), err=True)

    with_store(config, work)


@digest.command("send-now", short_help="Send what it holds so far.")
@config_option
@json_option
@destination_argument
def send_now(config: Path, name: str, *, as_json: bool) -> None:
    """Send now what the digest for DESTINATION holds so far. What comes in later is sent at its usual time.

    Leaves with 1 if there is nothing to send.
    """

    async def work(session: StoreSession) -> None:
        sent = []
        targets = at_hand(digest_named(session.config, name), session.config, CHANNELS, session.clock())
        async with session.act("digest send", name) as act:
            for target, window in targets:
                if await session.store.bundles.send_now(target, window):
                    sent.append(target.address)
            act.outcome = f"queued for {len(sent)}" if sent else "nothing to send"
        if as_json:
            print_json({"queued": sent})
        for address in sent if not as_json else ():
            click.echo(visible(f"queued for {address}"))
        if not sent:
            raise RelayError(f"nothing has come in for {name} since its last digest")

    with_store(config, work)


def _digests(session: StoreSession) -> list[Destination]:
    return [destination for destination in session.config.destinations.values() if destination.mode == "digest"]


def _zone(session: StoreSession, destination: Destination) -> str:
    return zone_at(destination, session.config.destination_defaults)


def _slack(content: Mapping[str, Any]) -> str:
    """The words of its blocks, in their order."""
    texts = [content["text"]]
    for block in content["blocks"]:
        parts = [block.get("text"), *block.get("fields", ()), *block.get("elements", ())]
        texts += [part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str)]
    return "\n\n".join(texts) if len(texts) > 1 else json.dumps(content, ensure_ascii=False)


def _table(digests: Iterable[dict[str, Any]]) -> Table:
    shown = table("digest", "for", "schedule", "next", "entries")
    for row in digests:
        schedule = f"{row['at']} {row['days']}, {row['timezone']}"
        texts = (
            row["destination"],
            row["address"],
            schedule,
            local(datetime.fromisoformat(row["next"]), row["timezone"]),
            str(row["entries"]),
        )
        shown.add_row(*(Text(visible(text)) for text in texts))
    return shown
