"""relay resume: what somebody has paused goes on."""

from pathlib import Path

import click

from relay.cli.options import config_option, visible
from relay.cli.pause import destination_argument
from relay.cli.session import StoreSession, with_store
from relay.errors import RelayError
from relay.operating import pauses
from relay.operating.blockers import Blockers
from relay.store.operator_pauses import OperatorPauses


@click.command(short_help="End such a pause.")
@config_option
@destination_argument
def resume(config: Path, name: str) -> None:
    """End the pause of DESTINATION: what waits for it goes out, but for what has to wait for something broken, which is
    said. Leaves with 1 if nobody had paused it."""

    async def work(session: StoreSession) -> None:
        if not await pauses.resume(OperatorPauses(session.store), name, open_act=session.act):
            raise RelayError(f"nobody has paused {name}; `relay health` says what else stands in the way")
        click.echo(visible(f"{name} goes on"))
        for left in await Blockers(session.store, session.admin, session.config, session.clock()).remaining(name):
            click.echo(visible(f"  {left}"))

    with_store(config, work)
