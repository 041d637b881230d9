"""relay health: does the running relay take events? The containers' health check."""

import click

from relay.cli.client import ClientCommand, ask, connection, printed
from relay.cli.options import visible
from relay.errors import RelayError

PATIENCE = 5.0  # seconds
HEALTHY = ("ok", "fsync", "replicated", "memory")  # what is said of a part that is as it should be


@click.command(cls=ClientCommand, short_help="Check that the running relay accepts events.")
def health() -> None:
    """Check that the running relay accepts events, as GET /readyz?verbose does.

    Exit status 0 if it does, else 1 with the reason.
    """
    facts = ask(connection(PATIENCE), "GET", "/health")
    wrong = [f"{name}: {state}" for name, state in facts["checks"].items() if state not in HEALTHY]
    if not printed(facts):
        if not facts["ready"]:
            raise RelayError("\n  ".join(["relay takes no events now.", *wrong]))
        click.echo(visible("\n  ".join(["relay takes events.", *wrong])))
    raise SystemExit(0 if facts["ready"] else 1)
