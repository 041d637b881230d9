"""relay demo: everything on this machine."""

import asyncio
import os

import click
from rich.console import Console
from rich.text import Text

from relay.cli.logs import configure
from relay.cli.options import visible
from relay.cli.screen import console as screen
from relay.cli.serve import run_loop, stop_event
from relay_sandbox.demo import Demo
from relay_sandbox.demo.demo import SPEED
from relay_sandbox.demo.watching import DemoEvent
from relay_sandbox.service import cancel_until_done

COLOURS = {"platform": "cyan", "sender": "cyan", "slack": "magenta", "mail": "yellow"}
ARROWS = {"platform": "platform", "sender": "→ relay", "slack": "relay → Slack", "mail": "relay → mail"}


@click.command()
@click.option(
    "--until-done", is_flag=True, help="Stop once every expected message has arrived; exit status 1 if one is missing."
)
@click.option("--speed", metavar="X", default=SPEED, show_default=True, type=click.FloatRange(1, 10_000),
              help="Speed of the simulation; at 180 the longest operation takes 15 seconds.")  # fmt: skip
def demo(*, until_done: bool, speed: float) -> None:
    """Run relay with a simulated platform, Slack and inbox, whose pages are served on this machine.

    relay is registered there and operations are started: one completes, one fails critically, one stalls, and a batch
    runs; one event comes twice and one too late, and a digest is sent.

    The output follows what happens; the pages are served until Ctrl-C.
    """
    # At its end the platform goes before a relay that may just be asking it, which is worth a warning elsewhere.
    configure(machine=False, level="error")
    console = screen()
    status = 0

    async def run() -> None:
        nonlocal status
        stop = stop_event()
        async with Demo.open(os.environ, lambda event: _show(console, event), speed) as stage:
            _addresses(console, stage)
            playing = asyncio.create_task(stage.play())
            stopped = asyncio.create_task(stop.wait())
            await asyncio.wait([playing, stopped], return_when=asyncio.FIRST_COMPLETED)
            if not playing.done():
                await cancel_until_done(playing)
                status = 1 if until_done else 0  # the verdict that was asked for is not there
                return
            status = 0 if playing.result() else 1
            _verdict(console, stage)
            if until_done:
                console.print("[dim]All of it has ended, with the pages above; without --until-done they stay.[/dim]")
            else:
                _addresses(console, stage)
                own = f"Send an event of your own, or report a job's start:\n{stage.example}\n{stage.ping}\n"
                console.print(own, markup=False, soft_wrap=True)
                console.print("[dim]Serving until Ctrl-C.[/dim]")
                await stopped

    run_loop(run())
    raise SystemExit(status)


def _addresses(console: Console, stage: Demo) -> None:
    console.print()
    pages = {"Slack": stage.slack.url, "Inbox": stage.inbox.url, "Platform": stage.page, "relay": stage.url,
             "Operators": f"{stage.admin_url}/readyz?verbose", "Console": stage.console}  # fmt: skip
    for name, url in pages.items():
        console.print(f"  [bold]{name:9}[/bold] {url}", soft_wrap=True)
    console.print("  [dim]The link into the console lets one person in, within ten minutes.[/dim]")
    console.print()


def _show(console: Console, event: DemoEvent) -> None:
    colour = COLOURS[event.actor] if event.expected else "red"
    line = Text.assemble((f"{ARROWS[event.actor]:>13}", colour), f"  {visible(event.text)}  ",
                         (visible(event.detail), "dim"))  # fmt: skip
    console.print(line, soft_wrap=True)


def _verdict(console: Console, stage: Demo) -> None:
    for failure in stage.failures:
        console.print(Text.assemble(("✗", "red"), f" {visible(failure)}"), soft_wrap=True)
    if not stage.failures:
        console.print(f"[green]✓[/green] All {len(stage.expectations())} expected messages arrived, each once.")
