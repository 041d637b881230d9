"""relay pause: nothing goes to a destination for a while, and nothing of it is lost."""

import os
from pathlib import Path

import click

from relay.cli.actor import actor
from relay.cli.options import config_option, visible
from relay.cli.session import StoreSession, with_store
from relay.operating import pauses
from relay.policy.recipients import NAME
from relay.store.operator_pauses import OperatorPauses

destination_argument = click.argument("name", metavar="DESTINATION")


@click.command(short_help="Let what is for a destination wait.")
@config_option
@destination_argument
@click.option("--reason", required=True, metavar="TEXT", help="Why, for whoever wonders.")
@click.option("--for", "lasts", default="", metavar="DURATION",
              help="It ends by itself after so long: 2h, 1d12h; else by `relay resume`.")  # fmt: skip
def pause(config: Path, name: str, reason: str, lasts: str) -> None:
    """Let everything that is for DESTINATION wait, edits too, until the pause ends. Nothing is lost or given up.

    Works on a running relay, by the same configuration. What is being sent at this moment still goes out. A second
    pause takes the place of the first. To hold back new messages of some kinds only, see `relay silence`.
    """

    async def work(session: StoreSession) -> None:
        dynamic = [NAME] if session.config.dynamic_destinations else []
        names = [*session.config.destinations, *dynamic]
        who, _ = actor(os.environ)
        await pauses.pause(
            OperatorPauses(session.store), names, name, reason=reason, lasts=lasts, by=who, open_act=session.act
        )
        click.echo(visible(f"{name} is paused{f' for {lasts}' if lasts else ''}; `relay resume {name}` ends that"))

    with_store(config, work)
